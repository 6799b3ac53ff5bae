import type { Cover, Size } from "../../base/geometry.ts";
import { type Truth, truthArea } from "../../base/region.ts";
import { type Margin, visitPixels } from "../../shaders/metrics_cpu.ts";

/** Number of bins for values of 0..1. */
export const BINS = 256;

/** Numbers of image pixels with a value of at least `bin / BINS`, by bin. */
export interface PixelCounts {
  /** Pixels inside any box or the region. */
  readonly inside: Float64Array;
  /** Pixels outside all boxes or the region. */
  readonly outside: Float64Array;
  /** Area of all boxes or the region in pixels, including pixels outside the heatmap. */
  readonly boxPixels: number;
}

/**
 * Counts the pixels of the original image by the heatmap's value. As for the scores, nearest
 * neighbour maps the heatmap to image pixels.
 *
 * @param heatmap Row-major square map of values in 0..1.
 * @param side Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param margin Whether pixels outside the heatmap are excluded, or count as 0.
 * @param cover Part of the image that the heatmap covers; the centre square by default.
 */
export function countPixels(
  heatmap: Float32Array,
  side: number,
  image: Size,
  truth: Truth,
  margin: Margin,
  cover: Cover = Math.min(image.width, image.height),
): PixelCounts {
  const inside = new Float64Array(BINS);
  const outside = new Float64Array(BINS);
  visitPixels(heatmap, side, image, truth, margin, (value, pixels, isInside) => {
    const bin = Math.min(BINS - 1, Math.floor(value * BINS));
    (isInside ? inside : outside)[bin]! += pixels;
  }, { cover });
  for (const counts of [inside, outside]) {
    for (let bin = BINS - 2; bin >= 0; bin--) counts[bin]! += counts[bin + 1]!;
  }
  return { inside, outside, boxPixels: truthArea(truth) };
}
