/**
 * Scores of predicted boxes.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import { area, type Box, coveredArea, intersect, type Size } from "../../base/geometry.ts";
import type { Sample } from "../../datasets/sample.ts";
import { decode, type ImageRequest } from "../decode.ts";
import { type Dropped, failed, type Flow, type StageName, withNotes } from "../flow.ts";
import { clipBoxes, type Scores } from "../../scoring/score_heatmap.ts";

/** Rules for comparing a prediction with several ground-truth boxes; see {@linkcode boxIou}. */
export const BOX_RULES = ["union", "max"] as const;

/** One of the {@linkcode BOX_RULES}. */
export type BoxRule = typeof BOX_RULES[number];

/** A sample with its predicted boxes. */
export interface BoxedPhrase {
  /** The phrase. */
  readonly sample: Sample;
  /** Predicted boxes in pixels of the image; empty if nothing was predicted. */
  readonly predicted: readonly Box[];
  /** Absent if the sample has no boxes to score against. */
  readonly scores?: Scores;
}

/** Result of one sample: scored boxes, or the reason why the sample dropped out. */
export type BoxedResult =
  | ({ readonly kind: "boxed" } & BoxedPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/** Options of {@linkcode scorePredictions}. */
export interface BoxOptions {
  /**
   * Rule for comparing a prediction with several ground-truth boxes.
   *
   * @default {"union"}
   */
  rule?: BoxRule;
  /**
   * For ids of samples, the reason why the prediction cannot be read. These samples fail.
   *
   * @default {None}
   */
  faults?: ReadonlyMap<string, string>;
  /**
   * Called with the number of samples done.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Aborts the run, which throws the signal's reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Intersection over union of predicted boxes and ground truth, 0..1. The paper scores MedRPG and
 * OmniFM-DR by mIoU alone (section IV). Boxes are a map of 0 and 1, so all thresholds of mIoU give
 * this one number.
 *
 * - `union` compares the prediction with all ground-truth boxes together, as the paper's mIoU does.
 * - `max` compares the prediction with each ground-truth box alone, and takes the highest value.
 *   The paper does so for MedRPG, which gives one box per phrase.
 *
 * @param predicted Boxes in pixels of the image. Fractions of a pixel count; parts outside the
 * image do not. Without any part inside the image, the result is 0.
 * @param truth Ground truth in pixels of the image, at least one box, as for
 * {@linkcode scoreHeatmap}.
 * @param image Size of the image in pixels.
 * @throws {RangeError} If there is no ground-truth box, or a ground-truth box is not a box of the
 * image.
 */
export function boxIou(
  predicted: readonly Box[],
  truth: readonly Box[],
  image: Size,
  rule: BoxRule = "union",
): number {
  const whole: Box = [0, 0, image.width, image.height];
  const shown = predicted.map((box) => intersect(box, whole)).filter((box) => area(box) > 0);
  const clipped = clipBoxes(truth, image);
  const iou = (boxes: readonly Box[]) => {
    const shared = coveredArea(
      shown.flatMap((box) => boxes.map((other) => intersect(box, other)))
        .filter((box) => area(box) > 0),
    );
    return shared / (coveredArea(shown) + coveredArea(boxes) - shared);
  };
  return rule === "max" ? Math.max(...clipped.map((box) => iou([box]))) : iou(clipped);
}

/**
 * Scores predictions against a dataset. The images are read for their sizes. Reading them also
 * makes the same samples fail as with other methods. The whole image counts, not only the centre
 * square.
 *
 * @param source Images with their phrases.
 * @param predictions Predicted boxes by sample id. A sample without an entry has no predicted box.
 * @param options Rule, faults, progress and signal.
 * @returns One result per sample.
 */
export async function* scorePredictions(
  source: AsyncIterable<Flow<ImageRequest>>,
  predictions: ReadonlyMap<string, readonly Box[]>,
  options: BoxOptions = {},
): AsyncIterableIterator<BoxedResult> {
  const { rule, faults, signal, onProgress } = options;
  let done = 0;
  for await (const flow of decode(source, { ...(signal && { signal }), view: "whole" })) {
    signal?.throwIfAborted();
    if (flow.kind === "dropped") {
      onProgress?.(++done);
      yield { kind: "dropped", ...flow.dropped };
      continue;
    }
    const { samples, gray } = flow.item;
    for (const sample of samples) {
      const fault = faults?.get(sample.id);
      const result = fault === undefined
        ? scoreSample(sample, predictions.get(sample.id), gray, rule)
        : drop("dataset", sample, new InputRangeError(`the prediction cannot be read: ${fault}`));
      onProgress?.(++done);
      yield result;
    }
  }
}

function scoreSample(
  asked: Sample,
  boxes: readonly Box[] | undefined,
  image: Size,
  rule: BoxRule | undefined,
): BoxedResult {
  const note = "there is no prediction for it, which counts as no box";
  const sample = boxes ? asked : withNotes(asked, [note]);
  const predicted = boxes ?? [];
  if (sample.boxes.length === 0) return { kind: "boxed", sample, predicted };
  try {
    const miou = boxIou(predicted, sample.boxes, image, rule);
    // CNR and AUC need a heatmap.
    const scores = { absCnr: NaN, cnr: NaN, miou, aucRoc: NaN };
    return { kind: "boxed", sample, predicted, scores };
  } catch (error) {
    return drop("metrics", sample, error);
  }
}

function drop(stage: StageName, sample: Sample, error: unknown): BoxedResult {
  const flow = failed(stage, sample, error);
  return { kind: "dropped", ...(flow as Extract<typeof flow, { kind: "dropped" }>).dropped };
}
