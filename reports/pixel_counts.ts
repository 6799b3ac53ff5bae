/**
 * Pixels inside and outside the boxes by their value.
 *
 * @module
 */

import type { Box } from "../datasets/sample.ts";
import { cutImage, type Margin } from "../shaders/metrics_cpu.ts";
import type { Size } from "../shaders/resize_cpu.ts";

/** Bins of the values 0..1. */
export const BINS = 256;

/** How many image pixels have a value of at least `bin / BINS`, by bin. */
export interface PixelCounts {
  /** Pixels in any box. */
  readonly inside: Float64Array;
  /** Pixels in none. */
  readonly outside: Float64Array;
  /** Pixels in any box, with those outside the heatmap. */
  readonly boxPixels: number;
}

/**
 * Counts a heatmap's pixels on the original image's grid, where it is laid by
 * nearest neighbour, as its scores do.
 *
 * @param heatmap Row-major square map of values in 0..1.
 * @param side Its side in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image.
 * @param margin Whether pixels outside the centre square do not count, or are 0.
 */
export function countPixels(
  heatmap: Float32Array,
  side: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin,
): PixelCounts {
  const inside = new Float64Array(BINS);
  const outside = new Float64Array(BINS);
  let boxPixels = 0;
  for (const { row, column, owner } of cutImage(side, image, boxes)) {
    const isInside = owner < boxes.length;
    const counts = isInside ? inside : outside;
    if (isInside) boxPixels += row.length * column.length;
    if (row.first < 0 || column.first < 0) {
      if (margin === "zero") counts[0]! += row.length * column.length;
      continue;
    }
    for (let y = 0; y < row.counts.length; y++) {
      const start = (row.first + y) * side + column.first;
      for (let x = 0; x < column.counts.length; x++) {
        const bin = Math.min(BINS - 1, Math.floor(heatmap[start + x]! * BINS));
        counts[bin]! += row.counts[y]! * column.counts[x]!;
      }
    }
  }
  for (const counts of [inside, outside]) {
    for (let bin = BINS - 2; bin >= 0; bin--) counts[bin]! += counts[bin + 1]!;
  }
  return { inside, outside, boxPixels };
}
