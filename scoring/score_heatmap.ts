/**
 * A heatmap's scores against boxes or a region: docs/method.md, section 3.
 *
 * @module
 */

import { InputRangeError } from "../base/errors.ts";
import type { Box, Cover, Size } from "../base/geometry.ts";
import { isRegion, type Truth } from "../base/region.ts";
import { squareSide, valueRange } from "../shaders/aggregate_cpu.ts";
import {
  gridStatistics,
  joinRegions,
  type Margin,
  type RegionCounts,
  type RegionStatistics,
} from "../shaders/metrics_cpu.ts";

/** The four scores, in the order of the paper's Table I. */
export const SCORES = ["absCnr", "cnr", "miou", "aucRoc"] as const;

/** One of the four scores. */
export type ScoreName = typeof SCORES[number];

/** Options of {@linkcode scoreHeatmap}. */
export interface ScoreOptions {
  /**
   * Image pixels outside the covered part: excluded from every count (`"excluded"`), as in the
   * released code, or of value 0 (`"zero"`), as in the paper's text.
   * @default "excluded"
   */
  readonly margin?: Margin;
  /**
   * Part of the image that the heatmap covers: the side of a square in the middle, in image pixels,
   * or the whole image, to which the map is stretched.
   * @default {The image's shorter side}
   */
  readonly cover?: Cover;
}

/** The scores of one heatmap. */
export interface Scores {
  /** Mean over boxes of the contrast-to-noise ratio's absolute value, at least 0. */
  readonly absCnr: number;
  /** Mean over boxes of the contrast-to-noise ratio. */
  readonly cnr: number;
  /** Intersection over union, mean over the thresholds .1 to .5, 0..1. */
  readonly miou: number;
  /** Area under the ROC curve binned at 0, .25, .5, .75, 1; 0..1. */
  readonly aucRoc: number;
}

/** Maximum side of an image, in pixels: JPEG's own limit, and beyond any X-ray. */
export const MAX_IMAGE_SIDE = 65535;

/** The largest finite float32, which replaces infinity in PyTorch's `nan_to_num`. */
const MAX_FLOAT32 = 3.4028234663852886e38;

/**
 * Scores a heatmap on the pixels of the original image. The heatmap covers a square in the middle
 * of the image, or the whole image, by nearest neighbour. No map of the image's size is made.
 *
 * Boxes are cut at the image's right and bottom edges, and fractions of a pixel are dropped. The
 * order of boxes matters to CNR: each box is erased before the next. A region counts as one box of
 * any shape; {@linkcode regionOf} makes it from a mask.
 *
 * @example
 * ```ts
 * import { scoreHeatmap } from "./score_heatmap.ts";
 *
 * const heatmap = new Float32Array([0, 0, 0.2, 1]);
 * const scores = scoreHeatmap(heatmap, { width: 640, height: 480 }, [
 *   [320, 240, 200, 200],
 * ]);
 * console.log(scores.miou, scores.aucRoc);
 * ```
 *
 * @param heatmap Row-major square map of finite values, commonly 0..1.
 * @param image Size of the original image in pixels, each side 1..65535.
 * @param truth Ground truth in pixels of the original image: at least one box, or a region of the
 * image with at least one pixel.
 * @param options Margin, and the part that the heatmap covers.
 * @throws {TypeError} If the heatmap is not a `Float32Array`.
 * @throws {RangeError} If the heatmap is not square or not finite, or there is no box. Also if a box
 * is NaN, negative, of size zero or outside the image. Also if the region is empty or of another
 * size than the image. Also if a side of the image, `margin` or `cover` is out of its range; `cover`
 * goes up to the image's shorter side.
 */
export function scoreHeatmap(
  heatmap: Float32Array,
  image: Size,
  truth: Truth,
  options: ScoreOptions = {},
): Scores {
  const { margin, cover } = options;
  if (!(heatmap instanceof Float32Array)) {
    throw new TypeError("Cannot score a heatmap: expected a Float32Array");
  }
  requireScoreOptions(options);
  const side = squareSide(heatmap.length, "heatmap values");
  valueRange(heatmap);
  const clipped = clipTruth(truth, image);
  if (cover !== undefined) requireCover(cover, image);
  const coverage = { ...(cover !== undefined && { cover }) };
  return scoreStatistics(gridStatistics(heatmap, side, image, clipped, margin, coverage));
}

/** Computes the scores from a heatmap's counts and sums. */
export function scoreStatistics(statistics: RegionCounts): Scores {
  const ratios = contrastToNoise(statistics);
  return {
    absCnr: mean(ratios.map(Math.abs)),
    cnr: mean(ratios),
    miou: meanIntersectionOverUnion(statistics),
    aucRoc: binnedAreaUnderCurve(statistics),
  };
}

/**
 * Boxes as of {@linkcode clipBoxes}, or a region that fits its image.
 *
 * @throws {RangeError} As {@linkcode clipBoxes}. Also if the region is empty or of another size than
 * the image.
 */
export function clipTruth(truth: Truth, image: Size): Truth {
  if (!isRegion(truth)) return clipBoxes(truth, image);
  requireImageSide(image.width, "width");
  requireImageSide(image.height, "height");
  if (truth.width !== image.width || truth.height !== image.height) {
    throw new InputRangeError(
      `Cannot score a heatmap: expected a region of ${image.width}x${image.height} pixels, got ` +
        `${truth.width}x${truth.height}`,
    );
  }
  if (truth.runs.length === 0) {
    throw new InputRangeError("Cannot score a heatmap: expected a region with pixels, got none");
  }
  return truth;
}

/**
 * Boxes in whole pixels, cut at the image's right and bottom edges.
 *
 * @throws {RangeError} If a side of the image is not a whole number of 1..65535 pixels, or there is
 * no box. Also if a box is NaN, negative, of size zero or outside the image.
 */
export function clipBoxes(boxes: readonly Box[], image: Size): Box[] {
  requireImageSide(image.width, "width");
  requireImageSide(image.height, "height");
  if (boxes.length === 0) {
    throw new InputRangeError(
      "Cannot score a heatmap: expected at least one box, got none",
    );
  }
  return boxes.map((box, index) => clipBox(box, index, image));
}

/**
 * Checks {@linkcode ScoreOptions} before any work.
 *
 * @throws {RangeError} If the margin is unknown.
 */
export function requireScoreOptions(options: ScoreOptions): void {
  const { margin = "excluded" } = options;
  if (margin !== "excluded" && margin !== "zero") {
    throw new RangeError(
      `Cannot score a heatmap: expected margin "excluded" or "zero", got "${margin}"`,
    );
  }
}

/** One ratio per box, in order. A box's background excludes the box and all boxes before it. */
function contrastToNoise(statistics: RegionCounts): number[] {
  const ratios: number[] = [];
  let outside = statistics.background;
  for (const inside of statistics.boxes.toReversed()) {
    ratios.push(ratio(inside, outside));
    outside = joinRegions(inside, outside);
  }
  return ratios.reverse();
}

function ratio(inside: RegionStatistics, outside: RegionStatistics): number {
  if (inside.pixels === 0 || outside.pixels === 0) return 0;
  const contrast = inside.mean - outside.mean;
  if (contrast === 0) return 0;
  const noise = Math.sqrt(
    inside.squares / inside.pixels + outside.squares / outside.pixels,
  );
  return withinFloat32(contrast / noise);
}

/** Replaces an infinity by the largest float32 of its sign. */
export function withinFloat32(value: number): number {
  return Math.max(-MAX_FLOAT32, Math.min(value, MAX_FLOAT32));
}

function meanIntersectionOverUnion(statistics: RegionCounts): number {
  const { boxes, background, boxPixels } = statistics;
  return mean(background.above.map((missed, threshold) => {
    const hit = sum(boxes.map((region) => region.above[threshold]!));
    return hit / (boxPixels + missed);
  }));
}

/**
 * The area of torcheval's `binary_binned_auroc`: trapezoids over counts, from the highest threshold
 * down.
 */
function binnedAreaUnderCurve(statistics: RegionCounts): number {
  const { boxes, background } = statistics;
  let area = 0;
  let truePositives = 0;
  let falsePositives = 0;
  for (let index = background.atLeast.length - 1; index >= 0; index--) {
    const more = sum(boxes.map((region) => region.atLeast[index]!));
    const moreFalse = background.atLeast[index]!;
    area += (moreFalse - falsePositives) * (more + truePositives);
    truePositives = more;
    falsePositives = moreFalse;
  }
  const whole = truePositives * falsePositives;
  // torcheval halves the area in float32, so this code rounds the area too.
  return whole === 0 ? 0.5 : Math.fround(area) / 2 / whole;
}

/** The box in whole pixels, cut at the image's right and bottom edges. */
function clipBox(box: Box, index: number, image: Size): Box {
  const shown = `box ${index} [${box.join(", ")}]`;
  if (box.length !== 4 || !box.every(Number.isFinite)) {
    throw new InputRangeError(
      `Cannot score ${shown}: expected four finite numbers x, y, width, height`,
    );
  }
  if (box.some((value) => value < 0)) {
    throw new InputRangeError(
      `Cannot score ${shown}: expected no negative position or size`,
    );
  }
  const [x, y, width, height] = box.map(Math.trunc) as [
    number,
    number,
    number,
    number,
  ];
  if (width < 1 || height < 1) {
    throw new InputRangeError(
      `Cannot score ${shown}: expected a width and height of at least 1 pixel`,
    );
  }
  if (x >= image.width || y >= image.height) {
    throw new InputRangeError(
      `Cannot score ${shown}: it lies outside the image of ${image.width} x ${image.height} pixels`,
    );
  }
  return [
    x,
    y,
    Math.min(width, image.width - x),
    Math.min(height, image.height - y),
  ];
}

function requireCover(cover: Cover, { width, height }: Size): void {
  const most = Math.min(width, height);
  if (cover === "whole") return;
  if (Number.isInteger(cover) && cover >= 1 && cover <= most) return;
  throw new RangeError(
    `Cannot score a heatmap: expected it to cover a square of 1..${most} pixels, got ${cover}`,
  );
}

function requireImageSide(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1 || value > MAX_IMAGE_SIDE) {
    throw new InputRangeError(
      `Cannot score a heatmap: expected an image ${what} of 1..${MAX_IMAGE_SIDE} pixels, got ${value}`,
    );
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
