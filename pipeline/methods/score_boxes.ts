/**
 * Boxes that someone predicted, scored.
 *
 * @module
 */

import { area, type Box, coveredArea, intersect, type Size } from "../../base/geometry.ts";
import type { Sample } from "../../datasets/sample.ts";
import { decode, type ImageRequest } from "../decode.ts";
import { type Dropped, failed, type Flow, type StageName } from "../flow.ts";
import { clipBoxes, type Scores } from "../../scoring/score_heatmap.ts";

/** What a prediction is held against where there are several ground-truth boxes. */
export const BOX_RULES = ["union", "max"] as const;

/** One of the {@linkcode BOX_RULES}. */
export type BoxRule = typeof BOX_RULES[number];

/** A sample with the boxes that were predicted for it. */
export interface BoxedPhrase {
  /** The phrase. */
  readonly sample: Sample;
  /** The boxes in pixels of the image; none where nothing was predicted. */
  readonly predicted: readonly Box[];
  /** Absent where there are no boxes to score against. */
  readonly scores?: Scores;
}

/** What became of one sample. */
export type BoxedResult =
  | ({ readonly kind: "boxed" } & BoxedPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/** How {@linkcode scorePredictions} counts. */
export interface BoxOptions {
  /**
   * What a prediction is held against where there are several ground-truth boxes.
   *
   * @default {"union"}
   */
  rule?: BoxRule;
  /**
   * Why the prediction of a sample cannot be read, by the sample's id: the sample fails.
   *
   * @default {None}
   */
  faults?: ReadonlyMap<string, string>;
  /**
   * Told how many samples are done.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Ends the run with its reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * The intersection over union of predicted boxes and ground truth, 0..1. The paper
 * scores MedRPG and OmniFM-DR by mIoU alone (section IV): what boxes cover is a map of
 * 0 and 1, so that all its thresholds give this one number.
 *
 * - `union`: with what the ground-truth boxes cover together, as the paper's mIoU
 *   has it.
 * - `max`: with each ground-truth box by itself, of which the highest counts, as the
 *   paper has it for MedRPG, which gives one box a phrase.
 *
 * @param predicted Boxes in pixels of the image; fractions count, and what lies outside
 * the image does not. None, or nothing inside, comes to 0.
 * @param truth Ground truth in pixels of the image, at least one, as for
 * {@linkcode scoreHeatmap}.
 * @param image Size of the image in pixels.
 * @throws {RangeError} If a ground-truth box is no box of the image.
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
 * Scores predictions against a dataset. Images are read for their sizes, and so that the same
 * samples fail as by any other method; all of an image counts.
 *
 * @param source Images with their phrases.
 * @param predictions Boxes by the ids of samples; a sample without any has predicted nothing.
 * @param options How to count.
 * @returns One result a sample.
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
        : drop("dataset", sample, new RangeError(`the prediction cannot be read: ${fault}`));
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
  const sample = boxes ? asked : { ...asked, notes: [...asked.notes ?? [], note] };
  const predicted = boxes ?? [];
  if (sample.boxes.length === 0) return { kind: "boxed", sample, predicted };
  try {
    const miou = boxIou(predicted, sample.boxes, image, rule);
    // Contrast and ROC take a heatmap.
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
