/**
 * Otsu's threshold in plain TypeScript: the twin of the `otsu` shader.
 *
 * @module
 */

import type { Box } from "../base/geometry.ts";
import { type ValueRange, valueRange } from "./aggregate_cpu.ts";

/** Number of bins in the histogram: scikit-image's default. */
const BINS = 256;

/**
 * Computes the threshold that splits a map into two classes with the greatest variance between
 * them. The threshold is the centre of one of 256 bins over the map's value range. It equals
 * scikit-image's `threshold_multiotsu(classes=2)`. The threshold of a constant map is the map's
 * value, so that no value is above it.
 *
 * @param map Any finite values, at least one.
 * @param range The map's range, if already known.
 * @throws {RangeError} If the map is empty or holds NaN or an infinity.
 */
export function otsuThreshold(map: Float32Array, range: ValueRange = valueRange(map)): number {
  const { minimum, maximum } = range;
  // The bins of a constant map would have no width.
  if (minimum === maximum) return minimum;
  const edges = binEdges(minimum, maximum);
  const bin = splittingBin(takeMoments(histogram(map, edges), map.length));
  return Math.fround(Math.fround(edges[bin]! + edges[bin + 1]!) / 2);
}

/**
 * Keeps the values above a threshold and sets all others to 0.
 *
 * @param map Row-major values.
 * @param threshold Only values greater than the threshold stay.
 * @returns A new map of the same length.
 */
export function applyThreshold(map: Float32Array, threshold: number): Float32Array {
  const result = new Float32Array(map.length);
  for (let index = 0; index < map.length; index++) {
    const value = map[index]!;
    result[index] = value > threshold ? value : 0;
  }
  return result;
}

/**
 * The smallest box around all values that are not 0.
 *
 * @param heatmap Row-major map, `[height, width]`, 0 outside the mask.
 * @param width Pixels from left to right.
 * @param height Pixels from top to bottom.
 * @returns `[x, y, width, height]` in pixels of the map, `undefined` if all values are 0.
 * @throws {RangeError} If the size does not fit the data.
 */
export function maskBox(heatmap: Float32Array, width: number, height: number): Box | undefined {
  if (heatmap.length !== width * height) {
    throw new RangeError(
      `Cannot box a mask: expected ${width} x ${height} values, got ${heatmap.length}`,
    );
  }
  let first = 0;
  while (first < heatmap.length && heatmap[first] === 0) first++;
  if (first === heatmap.length) return undefined;
  let last = heatmap.length - 1;
  while (heatmap[last] === 0) last--;
  const top = Math.floor(first / width);
  const bottom = Math.floor(last / width);
  let left = width;
  let right = -1;
  for (let row = top * width; row <= bottom * width; row += width) {
    // Values between the edges found so far cannot move these edges.
    let x = 0;
    while (x < left && heatmap[row + x] === 0) x++;
    left = x;
    x = width - 1;
    while (x > right && heatmap[row + x] === 0) x--;
    right = x;
  }
  return [left, top, right - left + 1, bottom - top + 1];
}

/** 257 float32 edges of equal bins, rounded where NumPy's `linspace` rounds. */
function binEdges(minimum: number, maximum: number): Float32Array {
  const step = Math.fround(Math.fround(maximum - minimum) / BINS);
  const edges = new Float32Array(BINS + 1);
  for (let bin = 0; bin < BINS; bin++) {
    edges[bin] = Math.fround(bin * step) + minimum;
  }
  edges[BINS] = maximum;
  return edges;
}

/**
 * Counts the values in each bin, with NumPy's rounding and correction. All bins except the last are
 * half-open.
 */
function histogram(map: Float32Array, edges: Float32Array): Uint32Array {
  const minimum = edges[0]!;
  if (minimum === 0 && edges[BINS] === 1) return unitHistogram(map);
  const scale = BINS / Math.fround(edges[BINS]! - minimum);
  const counts = new Uint32Array(BINS);
  for (let index = 0; index < map.length; index++) {
    const value = map[index]!;
    let bin = Math.min((value - minimum) * scale | 0, BINS - 1);
    // The product may be one bin off for a value next to an edge.
    if (value < edges[bin]!) bin--;
    else if (bin < BINS - 1 && value >= edges[bin + 1]!) bin++;
    counts[bin]!++;
  }
  return counts;
}

/**
 * Histogram of a map scaled to 0..1. The edges are multiples of 1/256, which float32 holds exactly,
 * so no value needs a correction.
 */
function unitHistogram(map: Float32Array): Uint32Array {
  const counts = new Uint32Array(BINS + 1);
  for (let index = 0; index < map.length; index++) counts[map[index]! * BINS | 0]!++;
  counts[BINS - 1]! += counts[BINS]!;
  return counts.subarray(0, BINS);
}

/** Moments of a histogram that give the variances, in float32 as in scikit-image. */
interface Moments {
  /** Bins that hold values. */
  readonly filled: readonly number[];
  /** Running share of the values: [BINS]. */
  readonly zeroth: Float32Array;
  /** Running share times bin number; the first bin adds its share, not 0: [BINS]. */
  readonly first: Float32Array;
}

function takeMoments(counts: Uint32Array, total: number): Moments {
  const zeroth = new Float32Array(BINS);
  const first = new Float32Array(BINS);
  const filled: number[] = [];
  for (let bin = 0; bin < BINS; bin++) {
    const share = Math.fround(counts[bin]! / total);
    if (share > 0) filled.push(bin);
    zeroth[bin] = bin === 0 ? share : zeroth[bin - 1]! + share;
    first[bin] = bin === 0 ? share : first[bin - 1]! + Math.fround(bin * share);
  }
  return { filled, zeroth, first };
}

/** Last bin of the lower of two classes; of equal variances, the first wins. */
function splittingBin(moments: Moments): number {
  const { filled } = moments;
  if (filled.length <= 2) return filled[0]!;
  let best = 0;
  let greatest = 0;
  for (let bin = 0; bin < BINS - 1; bin++) {
    const variance = Math.fround(spread(moments, -1, bin) + spread(moments, bin, BINS - 1));
    if (variance > greatest) {
      greatest = variance;
      best = bin;
    }
  }
  return best;
}

/**
 * One class's part of the variance between classes. The class has the bins after `before` up to
 * `last`; a `before` of -1 includes the first bin. A class of only the first bin contributes 0.
 */
function spread({ zeroth, first }: Moments, before: number, last: number): number {
  if (before < 0 && last === 0) return 0;
  const share = before < 0 ? zeroth[last]! : Math.fround(zeroth[last]! - zeroth[before]!);
  const moment = before < 0 ? first[last]! : Math.fround(first[last]! - first[before]!);
  return share > 0 ? Math.fround(Math.fround(moment * moment) / share) : 0;
}
