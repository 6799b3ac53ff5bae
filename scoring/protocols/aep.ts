/**
 * The protocol of AFLoc's scorer, as KAF-Ground uses it.
 *
 * @module
 */

import type { Box, Size } from "../../base/geometry.ts";
import { filledBox, isRegion, maskOf, type Truth } from "../../base/region.ts";
import { valueRange } from "../../shaders/aggregate_cpu.ts";
import { gaussianBlur } from "../../shaders/gaussian_cpu.ts";
import { withinFloat32 } from "../score_heatmap.ts";
import { sharpen } from "../sharpen.ts";
import type { Entry } from "./box_sets.ts";

/** Side of the square frame (`EVAL_IMG_SIZE` of kaf-ground). */
const FRAME = 518;

/** Side of the frame's central part that counts: `int(448 * 518 / 512)` of `set_margin`. */
const CENTER = 453;

/** First row and column of that part. */
const START = Math.floor((FRAME - CENTER) / 2);

/** Standard deviation of the smoothing on the heatmap's own grid (`SIGMA` of kaf-ground). */
const SIGMA = 1.5;

/**
 * Thresholds on the map in -1..1: NumPy's `arange(.1, .6, .1)`. NumPy 1.26, which kaf-ground names,
 * compares in float32.
 */
const THRESHOLDS = [1, 2, 3, 4, 5].map((i) => Math.fround(i * 0.1));

/** Pixels of one axis of the frame that count. */
interface FrameAxis {
  /** Pixel of the image at each frame pixel. */
  readonly image: readonly number[];
  /** Index of the first frame pixel. */
  readonly first: number;
  /** Heatmap pixels at and after each sampling point, and the share of the second. */
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly weight: Float32Array;
}

/**
 * Scores a heatmap as `score_heatmaps.py` of kaf-ground does. The frame is a
 * square of 518 pixels: the image, resized so that its longer side is 518, in the middle. The grid
 * is smoothed, and resized by bilinear interpolation with half-pixel centres, rounded where PyTorch
 * rounds. Only pixels in the central square of 453 that the heatmap covers count; over them the
 * values are scaled to -1..1.
 *
 * - `miou`, `dice`: means over the thresholds .1 to .5 on the scale from -1 to 1. If no pixel is
 *   above a threshold, or none is truth, they are NaN.
 * - `cnr`: with its sign and population variances; 0 where both are 0. Overlapping boxes are a union.
 * - `hit`: whether the first of the highest pixels is truth.
 *
 * Edges of boxes are placed by the rule of kaf-ground's `box_mapping`. A region covers the frame
 * pixels with their centres in it. A constant map, on which the code breaks off, is 0 everywhere.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param covered The part of the image that the heatmap covers.
 * @param isSharpened The pixels that count are sharpened before they are scaled; `hit` takes the
 * maximum before.
 * @returns `undefined` if no pixel counts.
 */
export function scoreAep(
  heatmap: Float32Array,
  side: number,
  image: Size,
  truth: Truth,
  covered: Box,
  isSharpened = false,
): Entry | undefined {
  const longest = Math.max(image.width, image.height);
  const scale = FRAME / longest;
  const columns = cutAxis(image.width, longest, covered[0], covered[2], side);
  const rows = cutAxis(image.height, longest, covered[1], covered[3], side);
  const width = columns.image.length;
  if (width * rows.image.length === 0) return undefined;
  const plain = sample(gaussianBlur(heatmap, side, side, SIGMA), side, columns, rows);
  const sharp = isSharpened ? toUnits(sharpen(plain)) : undefined;
  toUnits(plain);
  const isTruth = truthOn(truth, image, scale, columns, rows);
  let truths = 0;
  let highest = 0;
  for (let i = 0; i < plain.length; i++) {
    truths += isTruth[i]!;
    if (plain[i]! > plain[highest]!) highest = i;
  }
  const map = sharp ?? plain;
  // Numbers of values above each threshold, and of truth among them.
  const above = new Float64Array(THRESHOLDS.length);
  const shared = new Float64Array(THRESHOLDS.length);
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    for (let level = 0; level < THRESHOLDS.length && value > THRESHOLDS[level]!; level++) {
      above[level]!++;
      shared[level]! += isTruth[i]!;
    }
  }
  let [iou, dice] = [0, 0];
  above.forEach((count, level) => {
    const both = shared[level]!;
    const isDefined = count > 0 && truths > 0;
    iou += isDefined ? both / (count + truths - both) : NaN;
    dice += isDefined ? 2 * both / (count + truths) : NaN;
  });
  return {
    miou: iou / THRESHOLDS.length,
    dice: dice / THRESHOLDS.length,
    cnr: contrast(map, isTruth, truths),
    hit: isTruth[highest]!,
  };
}

/** Pixels that the padding puts before the image. */
function padding(length: number, scale: number): number {
  return Math.floor((FRAME - Math.trunc(length * scale)) / 2);
}

function cutAxis(
  length: number,
  longest: number,
  from: number,
  covered: number,
  side: number,
): FrameAxis {
  const scale = FRAME / longest;
  const pad = padding(length, scale);
  const place = (i: number) => (START + i + 0.5 - pad) / scale;
  const all = Array.from({ length: CENTER }, (_, i) => i);
  const seen = all.filter((i) => place(i) >= from && place(i) < from + covered);
  // The covered part is a map of its own, which PyTorch would resize to its length on the frame.
  const step = Math.fround(side * longest / (covered * FRAME));
  const start = pad + from * FRAME / longest;
  const points = Float32Array.from(
    seen,
    (i) => Math.max(Math.fround(step * Math.fround(START + i + 0.5 - start)) - 0.5, 0),
  );
  const lower = Int32Array.from(points, (point) => Math.min(Math.floor(point), side - 1));
  return {
    image: seen.map((i) => Math.floor(place(i))),
    first: START + (seen[0] ?? 0),
    lower,
    upper: lower.map((index) => Math.min(index + 1, side - 1)),
    weight: Float32Array.from(points, (point, i) => Math.min(point - lower[i]!, 1)),
  };
}

/**
 * Blends the grid's pixels at each frame pixel that counts. As in PyTorch 2.15 on AVX2, the rows
 * come first, only the second product is rounded by itself, and each sum is rounded.
 */
function sample(
  grid: Float32Array,
  side: number,
  columns: FrameAxis,
  rows: FrameAxis,
): Float32Array {
  const width = columns.lower.length;
  const map = new Float32Array(width * rows.lower.length);
  const rest = columns.weight.map((weight) => 1 - weight);
  const stretched = new Map<number, Float32Array>();
  const rowOf = (row: number) => {
    const known = stretched.get(row);
    if (known) return known;
    const line = new Float32Array(width);
    for (let x = 0; x < width; x++) {
      const share = Math.fround(grid[row * side + columns.upper[x]!]! * columns.weight[x]!);
      line[x] = grid[row * side + columns.lower[x]!]! * rest[x]! + share;
    }
    stretched.set(row, line);
    return line;
  };
  for (let y = 0; y < rows.lower.length; y++) {
    const down = rows.weight[y]!;
    const up = Math.fround(1 - down);
    const [above, below] = [rowOf(rows.lower[y]!), rowOf(rows.upper[y]!)];
    for (let x = 0; x < width; x++) {
      map[y * width + x] = above[x]! * up + Math.fround(below[x]! * down);
    }
  }
  return map;
}

/** Scales a map in place to -1..1 in float32, as NumPy does; a constant map becomes 0. */
function toUnits(map: Float32Array): Float32Array {
  const { minimum, maximum } = valueRange(map);
  const range = Math.fround(maximum - minimum);
  if (range === 0) return map.fill(0);
  for (let i = 0; i < map.length; i++) {
    map[i] = Math.fround(Math.fround(Math.fround(map[i]! - minimum) / range) * 2) - 1;
  }
  return map;
}

function truthOn(
  truth: Truth,
  image: Size,
  scale: number,
  columns: FrameAxis,
  rows: FrameAxis,
): Uint8Array {
  const [width, height] = [columns.image.length, rows.image.length];
  const isTruth = new Uint8Array(width * height);
  const filled = isRegion(truth) ? filledBox(truth) : undefined;
  if (isRegion(truth) && !filled) {
    const mask = maskOf(truth);
    return isTruth.map((_, i) =>
      mask[rows.image[Math.floor(i / width)]! * image.width + columns.image[i % width]!]!
    );
  }
  const [left, top] = [padding(image.width, scale), padding(image.height, scale)];
  for (const [x, y, w, h] of filled ? [filled] : truth as readonly Box[]) {
    const [first, row] = [Math.floor(x * scale + left), Math.floor(y * scale + top)];
    const from = Math.max(first - columns.first, 0);
    const to = Math.min(first + Math.floor(w * scale) - columns.first, width);
    const last = Math.min(row + Math.floor(h * scale) - rows.first, height);
    for (let line = Math.max(row - rows.first, 0); line < last && from < to; line++) {
      isTruth.fill(1, line * width + from, line * width + to);
    }
  }
  return isTruth;
}

/** Difference of the means over the root of both population variances; NaN if a side is empty. */
function contrast(map: Float32Array, isTruth: Uint8Array, truths: number): number {
  const counts = [map.length - truths, truths];
  if (counts.includes(0)) return NaN;
  const sums = [0, 0];
  for (let i = 0; i < map.length; i++) sums[isTruth[i]!]! += map[i]!;
  const means = sums.map((sum, side) => sum / counts[side]!);
  const squares = [0, 0];
  for (let i = 0; i < map.length; i++) {
    squares[isTruth[i]!]! += (map[i]! - means[isTruth[i]!]!) ** 2;
  }
  const variances = squares.map((sum, side) => sum / counts[side]!);
  const noise = variances[0]! + variances[1]!;
  return noise === 0 ? 0 : withinFloat32((means[1]! - means[0]!) / Math.sqrt(noise));
}
