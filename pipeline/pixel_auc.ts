/**
 * The exact area under the ROC curve over pixels.
 *
 * @module
 */

import type { Box } from "../datasets/sample.ts";
import { cutImage, type Margin } from "../shaders/metrics_cpu.ts";
import type { Size } from "../shaders/resize_cpu.ts";

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
 * @param margin Whether pixels outside the centre square do not count, or are 0.
 * @returns 0.5 where no pixel that counts is inside the boxes, or none outside.
 */
export function pixelAuc(
  heatmap: Float32Array,
  side: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin,
): number {
  const inside = new Float64Array(heatmap.length + 1);
  const outside = new Float64Array(heatmap.length + 1);
  // Pixels that the map does not show come last, as one more value.
  for (const { row, column, owner } of cutImage(side, image, boxes)) {
    const counts = owner < boxes.length ? inside : outside;
    if (row.first < 0 || column.first < 0) {
      if (margin === "zero") counts[heatmap.length]! += row.length * column.length;
      continue;
    }
    row.counts.forEach((down, y) => {
      const start = (row.first + y) * side + column.first;
      column.counts.forEach((across, x) => counts[start + x]! += down * across);
    });
  }
  // Most of a cut heatmap is 0, and needs no sorting.
  const valueOf = (index: number) => heatmap[index] ?? 0;
  const [zeros, others]: number[][] = [[], []];
  for (let index = 0; index <= heatmap.length; index++) {
    (valueOf(index) === 0 ? zeros : others)!.push(index);
  }
  const order = Uint32Array.from(others!).sort((a, b) => heatmap[a]! - heatmap[b]!);
  const below = order.findIndex((index) => heatmap[index]! > 0);
  const split = below < 0 ? order.length : below;
  const sorted = [...order.subarray(0, split), ...zeros!, ...order.subarray(split)];
  let area = 0;
  let [hits, misses] = [0, 0];
  for (let at = 0; at < sorted.length;) {
    const value = valueOf(sorted[at]!);
    let [equalHits, equalMisses] = [0, 0];
    for (; at < sorted.length && valueOf(sorted[at]!) === value; at++) {
      equalHits += inside[sorted[at]!]!;
      equalMisses += outside[sorted[at]!]!;
    }
    area += equalHits * (misses + equalMisses / 2);
    hits += equalHits;
    misses += equalMisses;
  }
  return hits * misses === 0 ? 0.5 : area / (hits * misses);
}
