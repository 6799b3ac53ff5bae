import type { Cover, Size } from "../base/geometry.ts";
import type { Truth } from "../base/region.ts";
import { sortOrder } from "../base/sort_floats.ts";
import { type Margin, visitPixels } from "../shaders/metrics_cpu.ts";

/**
 * The area under the ROC curve over the original image's pixels, with every value as a threshold.
 * Pair each pixel inside the boxes or the region with each pixel outside. The area is the share of
 * pairs in which the inside pixel has the higher value; pairs of equal values count one half.
 * Sources: Fawcett, "An introduction to ROC analysis", 2006; scikit-learn's `roc_auc_score`. The
 * paper's area is binned at five thresholds instead, as in torcheval's `binary_binned_auroc`.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param margin Whether pixels outside the heatmap's square are excluded or have value 0.
 * @param cover Part of the image that the heatmap covers; the centre square by default.
 * @returns The area, 0..1; 0.5 if no counted pixel is inside, or none is outside.
 */
export function pixelAuc(
  heatmap: Float32Array,
  side: number,
  image: Size,
  truth: Truth,
  margin: Margin,
  cover: Cover = Math.min(image.width, image.height),
): number {
  // The additional value is 0, for the margin.
  const values = new Float32Array(heatmap.length + 1);
  values.set(heatmap);
  const order = sortOrder(values);
  const ranks = new Uint32Array(values.length);
  let last = 0;
  let before = values[order[0]!]!;
  for (let i = 1; i < order.length; i++) {
    const value = values[order[i]!]!;
    if (value !== before) last++;
    ranks[order[i]!] = last;
    before = value;
  }
  // Numbers of image pixels by the rank of their value.
  const inside = new Float64Array(last + 1);
  const outside = new Float64Array(last + 1);
  visitPixels(heatmap, side, image, truth, margin, (_, pixels, isInside, index) => {
    (isInside ? inside : outside)[ranks[index < 0 ? heatmap.length : index]!]! += pixels;
  }, { cover });
  let area = 0;
  let [hits, misses] = [0, 0];
  for (let rank = 0; rank <= last; rank++) {
    area += inside[rank]! * (misses + outside[rank]! / 2);
    hits += inside[rank]!;
    misses += outside[rank]!;
  }
  return hits * misses === 0 ? 0.5 : area / (hits * misses);
}
