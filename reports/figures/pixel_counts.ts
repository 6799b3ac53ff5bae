/**
 * Pixels inside and outside the boxes by their value.
 *
 * @module
 */

import { type Box, coveredArea, type Size } from "../../base/geometry.ts";
import { type Margin, visitPixels } from "../../shaders/metrics_cpu.ts";

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
 * @param margin Whether pixels outside what it covers do not count, or are 0.
 * @param cover Side of the square in the middle of the image that the heatmap covers.
 */
export function countPixels(
  heatmap: Float32Array,
  side: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin,
  cover = Math.min(image.width, image.height),
): PixelCounts {
  const inside = new Float64Array(BINS);
  const outside = new Float64Array(BINS);
  visitPixels(heatmap, side, image, boxes, margin, (value, pixels, isInside) => {
    const bin = Math.min(BINS - 1, Math.floor(value * BINS));
    (isInside ? inside : outside)[bin]! += pixels;
  }, { cover });
  for (const counts of [inside, outside]) {
    for (let bin = BINS - 2; bin >= 0; bin--) counts[bin]! += counts[bin + 1]!;
  }
  return { inside, outside, boxPixels: coveredArea(boxes) };
}
