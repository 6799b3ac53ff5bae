/**
 * Otsu's threshold in plain TypeScript: the twin of the `otsu` shader.
 *
 * @module
 */

import type { Box } from "../datasets/sample.ts";
import { valueRange } from "./aggregate_cpu.ts";

/** Bins of the histogram, scikit-image's default. */
const BINS = 256;

/**
 * The threshold that splits a map into two classes with the greatest variance
 * between them: the centre of one of 256 bins over the map's value range, equal
 * to scikit-image's `threshold_multiotsu(classes=2)`. For a constant map it is
 * that value, so that nothing is above it.
 *
 * @param map Any finite values, at least one.
 * @throws {RangeError} If the map is empty or holds NaN or an infinity.
 */
export function otsuThreshold(map: Float32Array): number {
  const { minimum, maximum } = valueRange(map);
  if (minimum === maximum) return minimum;
  const edges = binEdges(minimum, maximum);
  const counts = histogram(map, edges);
  const bin = splittingBin(counts, map.length);
  return Math.fround(Math.fround(edges[bin]! + edges[bin + 1]!) / 2);
}

/**
 * Keeps the values above a threshold and sets all others to 0.
 *
 * @param map Row-major values.
 * @param threshold Values must be greater than this to stay.
 * @returns A new map of the same length.
 */
export function applyThreshold(
  map: Float32Array,
  threshold: number,
): Float32Array {
  const result = new Float32Array(map.length);
  for (let index = 0; index < map.length; index++) {
    const value = map[index]!;
    if (value > threshold) result[index] = value;
  }
  return result;
}

/**
 * The smallest box around all values that are not 0.
 *
 * @param heatmap Row-major map, `[height, width]`, 0 outside the mask.
 * @param width Pixels from left to right.
 * @param height Pixels from top to bottom.
 * @returns `[x, y, width, height]` in pixels of the map, `undefined` where all is 0.
 * @throws {RangeError} If the size does not fit the data.
 */
export function maskBox(
  heatmap: Float32Array,
  width: number,
  height: number,
): Box | undefined {
  if (heatmap.length !== width * height) {
    throw new RangeError(
      `Cannot box a mask: expected ${width} x ${height} values, got ${heatmap.length}`,
    );
  }
  let left = width;
  let right = -1;
  let top = height;
  let bottom = -1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (heatmap[y * width + x] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (top === height) top = y;
      bottom = y;
    }
  }
  if (right < 0) return undefined;
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

/** Values in each bin, half-open but for the last; NumPy's rounding and correction. */
function histogram(map: Float32Array, edges: Float32Array): Uint32Array {
  const minimum = edges[0]!;
  const extent = Math.fround(edges[BINS]! - minimum);
  const counts = new Uint32Array(BINS);
  for (let index = 0; index < map.length; index++) {
    const value = map[index]!;
    const share = Math.fround(Math.fround(value - minimum) / extent);
    let bin = Math.min(Math.fround(share * BINS) | 0, BINS - 1);
    // The division may land one bin off where a value is next to an edge.
    if (value < edges[bin]!) bin--;
    else if (bin < BINS - 1 && value >= edges[bin + 1]!) bin++;
    counts[bin]!++;
  }
  return counts;
}

/**
 * The last bin of the lower class, in float32 as scikit-image computes it: its
 * first bin adds its share, not 0, to the first moment, a lower class of that
 * bin alone has no variance, and of equal variances the first wins.
 */
function splittingBin(counts: Uint32Array, total: number): number {
  // Running share of the values, and running share times bin number: [BINS] each.
  const zeroth = new Float32Array(BINS);
  const first = new Float32Array(BINS);
  let filled = 0;
  let firstFilled = -1;
  for (let bin = 0; bin < BINS; bin++) {
    const share = Math.fround(counts[bin]! / total);
    if (share > 0) {
      filled++;
      if (firstFilled < 0) firstFilled = bin;
    }
    zeroth[bin] = bin === 0 ? share : zeroth[bin - 1]! + share;
    first[bin] = bin === 0 ? share : first[bin - 1]! + Math.fround(bin * share);
  }
  if (filled <= 2) return firstFilled;
  const last = BINS - 1;
  let best = 0;
  let greatest = 0;
  for (let bin = 0; bin < last; bin++) {
    const lower = bin === 0 ? 0 : spread(first[bin]!, zeroth[bin]!);
    const upper = spread(
      Math.fround(first[last]! - first[bin]!),
      Math.fround(zeroth[last]! - zeroth[bin]!),
    );
    const variance = Math.fround(lower + upper);
    if (variance > greatest) {
      greatest = variance;
      best = bin;
    }
  }
  return best;
}

/** One class's part of the variance between classes, from its moments. */
function spread(first: number, zeroth: number): number {
  return zeroth > 0 ? Math.fround(Math.fround(first * first) / zeroth) : 0;
}
