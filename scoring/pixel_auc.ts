/**
 * The exact area under the ROC curve over pixels.
 *
 * @module
 */

import type { Box, Size } from "../base/geometry.ts";
import { type Margin, visitPixels } from "../shaders/metrics_cpu.ts";

/**
 * The area under the ROC curve of the original image's pixels at every threshold:
 * the share of pairs of a pixel inside the boxes and one outside them of which the
 * former has the higher value, equal ones counting one half (Fawcett, "An
 * introduction to ROC analysis", 2006; scikit-learn's `roc_auc_score`). The
 * paper's is binned at five thresholds, as torcheval's `binary_binned_auroc`.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Its side in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image.
 * @param margin Whether pixels outside what it covers do not count, or are 0.
 * @param cover Side of the square in the middle of the image that the heatmap covers.
 * @returns 0.5 where no pixel that counts is inside the boxes, or none outside.
 */
export function pixelAuc(
  heatmap: Float32Array,
  side: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin,
  cover = Math.min(image.width, image.height),
): number {
  // And 0, which the margin may have.
  const sorted = new Float32Array(heatmap.length + 1);
  sorted.set(heatmap);
  sorted.sort();
  // Image pixels by where their value is first in `sorted`, inside the boxes and outside.
  const inside = new Float64Array(sorted.length);
  const outside = new Float64Array(sorted.length);
  const zero = firstOf(sorted, 0);
  visitPixels(heatmap, side, image, boxes, margin, (value, pixels, isInside) => {
    // Most of a cut heatmap is 0.
    const rank = value === 0 ? zero : firstOf(sorted, value);
    (isInside ? inside : outside)[rank]! += pixels;
  }, { cover });
  let area = 0;
  let [hits, misses] = [0, 0];
  for (let rank = 0; rank < sorted.length; rank++) {
    area += inside[rank]! * (misses + outside[rank]! / 2);
    hits += inside[rank]!;
    misses += outside[rank]!;
  }
  return hits * misses === 0 ? 0.5 : area / (hits * misses);
}

/** The first place of a value in sorted ones that hold it. */
function firstOf(sorted: Float32Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
