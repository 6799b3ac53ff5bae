/**
 * The protocol of Generate to Ground (Nützel et al., MIDL 2025): a mask by a Gaussian mixture, and
 * scores on a square of 512 pixels.
 *
 * @module
 */

import type { Box, Cover, Size } from "../base/geometry.ts";
import { isRegion, runsOf, type Truth } from "../base/region.ts";
import { sortFloats } from "../base/sort_floats.ts";
import { squareTaps, type WideTaps } from "../images/antialias.ts";
import { scaleExactly } from "../shaders/aggregate_cpu.ts";
import { maskBox } from "../shaders/otsu_cpu.ts";
import { resizeBilinear } from "../shaders/resize_cpu.ts";
import { componentMeans } from "./gaussian_mixture.ts";
import { withinFloat32 } from "./score_heatmap.ts";

/** Side of the square on which heatmap, mask and truth are compared. */
const FRAME = 512;

/** Names of the scores, as the columns of the released code. */
export const GENERATE_TO_GROUND = [
  "iou",
  "miou",
  "bboxiou",
  "bboxmiou",
  "cnr",
  "top1",
  "aucroc",
  "distance",
] as const;

/** Scores of one heatmap; a value is NaN where the released code has none. */
export type FrameScores = Record<typeof GENERATE_TO_GROUND[number], number>;

/**
 * Scores a heatmap as the released code (`compute_bbox.py`):
 *
 * - `iou` of the mask with the truth, and `miou`, the mean of the overlaps of both foregrounds and
 *   of both backgrounds; `bboxiou` and `bboxmiou` the same for the box around the mask, without its
 *   last row and column;
 * - `cnr`, with its sign, from unbiased variances, all boxes together;
 * - `top1`, whether the maximum lies in the truth; of equal maxima the first in reading order;
 * - `aucroc`, exact over all pixels, NaN if the truth is everywhere;
 * - `distance` between the centres of both bounding boxes in pixels, NaN with several boxes; a region
 *   has one bounding box.
 *
 * An empty mask scores 0 throughout. The square is the part of the image that the heatmap covers,
 * resized to 512x512 pixels with antialiasing; each pixel with a share of the ground truth is truth. The released
 * code leaves images of at most 512 pixels as they are, which then do not fit its maps.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Side of the heatmap.
 * @param image Size of the original image in pixels.
 * @param groundTruth Boxes of whole pixels inside the image, or a region.
 * @param cover Part of the image that the heatmap covers; the centre square by default.
 * @param peaks Map of which `top1` takes the maximum; the heatmap by default.
 * @param sorted The heatmap's values in ascending order.
 * @returns `undefined` if no ground truth reaches the square.
 */
export function scoreFrame(
  heatmap: Float32Array,
  side: number,
  image: Size,
  groundTruth: Truth,
  cover: Cover = Math.min(image.width, image.height),
  peaks: Float32Array = heatmap,
  sorted: Float32Array = sortFloats(heatmap),
): FrameScores | undefined {
  const boxes = isRegion(groundTruth) ? runsOf(groundTruth) : groundTruth;
  const hasSeveral = !isRegion(groundTruth) && groundTruth.length > 1;
  const truth = frameTruth(image, boxes, cover);
  const truths = countOnes(truth);
  if (truths === 0) return undefined;
  const small = mixtureMask(heatmap, side, sorted);
  if (!small.includes(1)) {
    return Object.fromEntries(GENERATE_TO_GROUND.map((name) => [name, 0])) as FrameScores;
  }
  const mask = toFrame(new Float32Array(small), side);
  // Rounding halves to even leaves a half at 0.
  for (let i = 0; i < mask.length; i++) mask[i] = Number(mask[i]! > 0.5);
  const map = toFrame(scaleExactly(heatmap), side);
  // A small mask of a map beyond 512 pixels may vanish; its box is then empty, and in the middle.
  const bounds = maskBox(mask, FRAME, FRAME) ?? [FRAME / 2, FRAME / 2, 0, 0];
  const [left, top, width, height] = bounds;
  let shared = 0;
  for (let y = top; y < top + height - 1; y++) {
    const row = y * FRAME + left;
    shared += countOnes(truth.subarray(row, row + Math.max(width - 1, 0)));
  }
  const [bboxiou, bboxmiou] = overlaps(
    shared,
    Math.max(width - 1, 0) * Math.max(height - 1, 0),
    truths,
  );
  let both = 0;
  for (let i = 0; i < mask.length; i++) both += mask[i]! * truth[i]!;
  const [iou, miou] = overlaps(both, countOnes(mask), truths);
  const [inside, outside] = split(map, truth);
  // Scaling keeps the order of values.
  const all = side === FRAME ? scaleExactly(sorted) : sortFloats(map);
  return {
    iou,
    miou,
    bboxiou,
    bboxmiou,
    cnr: contrast(inside, outside),
    top1: truth[indexOfMaximum(peaks === heatmap ? map : toFrame(scaleExactly(peaks), side))]!,
    aucroc: exactArea(sortFloats(inside), all),
    distance: hasSeveral ? NaN : centerDistance(bounds, maskBox(truth, FRAME, FRAME)!),
  };
}

/**
 * The mask of a heatmap: values above the mean of both components' means in a mixture of two
 * Gaussians. A pixel off the edge then takes the majority of its 3 x 3 pixels.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Side of the heatmap.
 * @param sorted Its values in ascending order.
 * @returns Row-major `[side, side]` of 0 and 1; all 0 if the heatmap is constant.
 */
export function mixtureMask(
  heatmap: Float32Array,
  side: number,
  sorted: Float32Array = sortFloats(heatmap),
): Uint8Array {
  const mask = new Uint8Array(heatmap.length);
  if (sorted[0] === sorted.at(-1)) return mask;
  const threshold = mixtureThreshold(heatmap, sorted);
  for (let i = 0; i < heatmap.length; i++) if (heatmap[i]! > threshold) mask[i] = 1;
  const filtered = mask.slice();
  // Sums of three pixels from top to bottom; three sums side by side make nine pixels.
  const counts = new Uint8Array(side);
  for (let y = 1; y < side - 1; y++) {
    const row = y * side;
    for (let x = 0; x < side; x++) {
      counts[x] = mask[row - side + x]! + mask[row + x]! + mask[row + side + x]!;
    }
    for (let x = 1; x < side - 1; x++) {
      filtered[row + x] = Number(counts[x - 1]! + counts[x]! + counts[x + 1]! >= 5);
    }
  }
  return filtered;
}

/** The mean of both components' means in a mixture of two Gaussians. */
export function mixtureThreshold(heatmap: Float32Array, sorted?: Float32Array): number {
  const [low, high] = componentMeans(heatmap, sorted);
  return (low + high) / 2;
}

/** The truth on the square: 1 where a box has a share of the pixel. */
function frameTruth(image: Size, boxes: Iterable<Box>, cover: Cover): Float32Array {
  const { columns, rows } = squareTaps(image, FRAME, cover);
  const truth = new Float32Array(FRAME * FRAME);
  for (const [x, y, width, height] of boxes) {
    const isColumn = reached(columns, x, x + width);
    const isRow = reached(rows, y, y + height);
    const [from, to] = [isColumn.indexOf(true), isColumn.lastIndexOf(true) + 1];
    for (let row = 0; row < FRAME; row++) {
      if (isRow[row] && to > 0) truth.fill(1, row * FRAME + from, row * FRAME + to);
    }
  }
  return truth;
}

/** Output pixels with a share of the source pixels from `from` up to `to`. */
function reached({ first, weights }: WideTaps, from: number, to: number): boolean[] {
  return weights.map((shares, i) =>
    shares.some((share, j) => share > 0 && first[i]! + j >= from && first[i]! + j < to)
  );
}

function toFrame(map: Float32Array, side: number): Float32Array {
  if (side === FRAME) return map;
  const [from, to] = [side, FRAME].map((side) => ({ width: side, height: side }));
  return resizeBilinear(map, from!, to!);
}

/** The values inside the truth and outside. */
function split(
  map: Float32Array,
  truth: Float32Array,
): [inside: Float32Array, outside: Float32Array] {
  const parts = [new Float32Array(map.length), new Float32Array(map.length)] as const;
  let [hits, misses] = [0, 0];
  for (let i = 0; i < map.length; i++) {
    if (truth[i] === 1) parts[0][hits++] = map[i]!;
    else parts[1][misses++] = map[i]!;
  }
  return [parts[0].subarray(0, hits), parts[1].subarray(0, misses)];
}

function countOnes(mask: Float32Array): number {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i]!;
  return count;
}

/**
 * Overlap of two foregrounds, and its mean with the overlap of their backgrounds.
 *
 * @param both Number of pixels in both foregrounds, of all in the square.
 * @param mask Number of pixels in the one, and `truth` in the other.
 */
function overlaps(both: number, mask: number, truth: number): [iou: number, miou: number] {
  const all = FRAME ** 2;
  const either = mask + truth - both;
  const iou = both / either;
  // Backgrounds that are both empty overlap in nothing, as in scikit-learn's `jaccard_score`.
  const rest = both === all ? 0 : (all - either) / (all - both);
  return [iou, (iou + rest) / 2];
}

/** Difference of the means, over the root of the sum of the unbiased variances. */
function contrast(inside: Float32Array, outside: Float32Array): number {
  const moments = (values: Float32Array) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < values.length; i++) sum += values[i]!;
    const mean = sum / values.length;
    for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
    return { mean, variance: squares / (values.length - 1) };
  };
  const [one, other] = [moments(inside), moments(outside)];
  const ratio = (one.mean - other.mean) / Math.sqrt(one.variance + other.variance);
  // JSON has no infinity, which a map without any noise would give.
  return withinFloat32(ratio);
}

function indexOfMaximum(map: Float32Array): number {
  let best = 0;
  for (let i = 1; i < map.length; i++) if (map[i]! > map[best]!) best = i;
  return best;
}

/**
 * Share of the pairs of a value inside and a value outside in which the former is higher; a tie
 * counts one half.
 *
 * @param inside Sorted values inside.
 * @param all Sorted values inside and outside.
 */
function exactArea(inside: Float32Array, all: Float32Array): number {
  // Numbers of values below the current value, and up to it.
  let [below, upTo, insideBelow, insideUpTo, area] = [0, 0, 0, 0, 0];
  for (let i = 0; i < inside.length; i++) {
    const value = inside[i]!;
    while (all[below]! < value) below++;
    while (all[upTo]! <= value) upTo++;
    while (inside[insideBelow]! < value) insideBelow++;
    while (inside[insideUpTo]! <= value) insideUpTo++;
    area += (below - insideBelow + upTo - insideUpTo) / 2;
  }
  return area / (inside.length * (all.length - inside.length));
}

/** Distance between the centres of two boxes. */
function centerDistance(one: Box, other: Box): number {
  return Math.hypot(
    one[0] - other[0] + (one[2] - other[2]) / 2,
    one[1] - other[1] + (one[3] - other[3]) / 2,
  );
}
