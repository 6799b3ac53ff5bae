/**
 * Scores of predicted boxes.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import type { Flag } from "../../base/options.ts";
import { area, type Box, coveredArea, intersect, type Size } from "../../base/geometry.ts";
import { isRegion, type Region, regionArea, type Truth } from "../../base/region.ts";
import type { MatchedBoxes } from "../../datasets/predictions/match_predictions.ts";
import type { Sample } from "../../datasets/sample.ts";
import { decode, type DecodedImage, truthOf } from "../../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  withNotes,
} from "../../pipeline/flow.ts";
import type { BoxedPhrase, Method } from "../../pipeline/method.ts";
import { clipTruth } from "../../scoring/score_heatmap.ts";

/** Rules for comparing a prediction with several ground-truth boxes; see {@linkcode boxIou}. */
export const BOX_RULES = ["union", "max"] as const;

/** One of the {@linkcode BOX_RULES}. */
export type BoxRule = typeof BOX_RULES[number];

/** Option of every method that gives boxes. */
export const BOX_RULE_FLAG = {
  type: "string",
  choices: [...BOX_RULES, "paper"],
  default: "union",
  placeholder: "RULE",
  description:
    "Comparison of predicted boxes with ground truth. union takes all ground-truth boxes " +
    "together. max takes each box by itself and counts the highest IoU, the paper's rule for MedRPG. " +
    "paper takes max for medrpg and union for every other method, as the paper's table does.",
} as const satisfies Flag;

/**
 * The rule for a method.
 *
 * @param value Value of the option `--box-rule`.
 * @param paper The paper's rule for the method.
 */
export function boxRule(value: BoxRule | "paper", paper: BoxRule = "union"): BoxRule {
  return value === "paper" ? paper : value;
}

/** Note of a sample that the file of predictions lacks. */
const NO_PREDICTION = "there is no prediction for it, which counts as no box";

/** Rules for {@linkcode boxesMethod}. */
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
 * A region is compared as a whole by both rules.
 *
 * @param predicted Boxes in pixels of the image. Fractions of a pixel count; parts outside the
 * image do not. Without any part inside the image, the result is 0.
 * @param truth Ground truth in pixels of the image: at least one box, or a region, as for
 * {@linkcode scoreHeatmap}.
 * @param image Size of the image in pixels.
 * @throws {RangeError} If there is no ground-truth box, or a ground-truth box or the region does not
 * fit the image.
 */
export function boxIou(
  predicted: readonly Box[],
  truth: Truth,
  image: Size,
  rule: BoxRule = "union",
): number {
  const whole: Box = [0, 0, image.width, image.height];
  const shown = predicted.map((box) => intersect(box, whole)).filter((box) => area(box) > 0);
  const clipped = clipTruth(truth, image);
  if (isRegion(clipped)) {
    const shared = sharedArea(shown, clipped);
    return shared / (coveredArea(shown) + regionArea(clipped) - shared);
  }
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
 * A method that takes boxes predicted elsewhere. It reads the images for their sizes, which also
 * makes the same samples fail as with other methods. The whole image counts, not only the centre
 * square.
 *
 * @param predictions Predicted boxes by sample id. A sample without an entry has no predicted box.
 * @param options Rule and faults.
 */
export function boxesMethod(
  predictions: ReadonlyMap<string, MatchedBoxes>,
  { rule, faults }: BoxOptions = {},
): Method {
  return {
    ground(source, options = {}) {
      const images = decode(source, { ...options, view: "whole" });
      const scored = flatMapFlow(images, "metrics", function* (image) {
        for (const sample of image.samples) {
          const fault = faults?.get(sample.id);
          yield fault === undefined
            ? scoreSample(sample, predictions.get(sample.id), image, rule)
            : failed(
              "dataset",
              sample,
              new InputRangeError(`the prediction cannot be read: ${fault}`),
            );
        }
      }, options);
      return countSamples(scored, options.done, (count) => options.onProgress?.(count));
    },
    close: () => Promise.resolve(),
  };
}

/** Area of a region's pixels that boxes cover; a box may cover a fraction of a pixel. */
function sharedArea(boxes: readonly Box[], { height, runs, rows }: Region): number {
  let shared = 0;
  for (let y = 0; y < height; y++) {
    const row = boxes.filter((box) => box[1] < y + 1 && box[1] + box[3] > y);
    if (row.length === 0) continue;
    for (let run = rows[y]!; run < rows[y + 1]!; run++) {
      const pixels: Box = [runs[2 * run]!, y, runs[2 * run + 1]! - runs[2 * run]!, 1];
      const parts = row.map((box) => intersect(box, pixels)).filter((part) => area(part) > 0);
      shared += coveredArea(parts);
    }
  }
  return shared;
}

function scoreSample(
  asked: Sample,
  found: MatchedBoxes = { boxes: [], notes: [NO_PREDICTION] },
  image: DecodedImage,
  rule: BoxRule | undefined,
): Flow<BoxedPhrase> {
  const { boxes, confidence, notes = [] } = found;
  const sample = withNotes(asked, notes);
  return scorePhrase({ sample, predicted: boxes, ...(confidence && { confidence }) }, image, rule);
}

/**
 * Scores the predicted boxes of a phrase. A phrase without ground truth passes without scores.
 *
 * @param image The image of the phrase, with its ground truth.
 * @param rule Rule for comparing a prediction with several ground-truth boxes.
 */
export function scorePhrase(
  found: BoxedPhrase,
  image: DecodedImage,
  rule?: BoxRule,
): Flow<BoxedPhrase> {
  const { sample, predicted } = found;
  const truth = truthOf(sample, image);
  if (!truth) return item(found);
  try {
    const miou = boxIou(predicted, truth, image.gray, rule);
    // CNR and AUC need a heatmap.
    return item({ ...found, scores: { absCnr: NaN, cnr: NaN, miou, aucRoc: NaN } });
  } catch (error) {
    return failed("metrics", sample, error);
  }
}
