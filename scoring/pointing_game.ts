import type { Cover, Size } from "../base/geometry.ts";
import type { Truth } from "../base/region.ts";
import { visitPixels } from "../shaders/metrics_cpu.ts";

/**
 * A hit is a maximum of the heatmap, on the original image, in a box or the region. The text of
 * Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, defines a hit so.
 * Their code also counts a maximum up to 15 pixels outside a box, on photographs of some 500
 * pixels. This function leaves out that tolerance. Of several equal pixels, the first in reading
 * order counts, as in NumPy's `argmax`. A heatmap without a value above 0 points nowhere.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param cover Part of the image that the heatmap covers; the centre square by default.
 * @returns True if the heatmap is a hit.
 */
export function pointsInside(
  heatmap: Float32Array,
  side: number,
  image: Size,
  truth: Truth,
  cover: Cover = Math.min(image.width, image.height),
): boolean {
  let best = 0;
  let at = heatmap.length;
  let isInside = false;
  // Several cells of the image can show one heatmap pixel. The first of these cells comes first in
  // reading order, so a later cell does not replace it.
  visitPixels(heatmap, side, image, truth, "excluded", (value, pixels, isTruth, index) => {
    const isBetter = value > best || value === best && value > 0 && index < at;
    if (isBetter && pixels > 0) [best, at, isInside] = [value, index, isTruth];
  }, { cover });
  return isInside;
}
