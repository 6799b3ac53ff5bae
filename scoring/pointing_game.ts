/**
 * The pointing game.
 *
 * @module
 */

import type { Box, Size } from "../base/geometry.ts";
import { visitPixels } from "../shaders/metrics_cpu.ts";

/**
 * Whether the pixel of the original image with the highest value lies in a box:
 * Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016, as
 * its text defines a hit. Their code also takes a maximum up to 15 pixels outside
 * for one, on photographs of some 500 pixels; that tolerance is left out. Of
 * several equal pixels the first in reading order counts, as in NumPy's `argmax`.
 * A heatmap without a value above 0 points nowhere.
 *
 * @param heatmap Row-major square map of finite values.
 * @param side Its side in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image.
 * @param cover Side of the square in the middle of the image that the heatmap covers.
 */
export function pointsInBox(
  heatmap: Float32Array,
  side: number,
  image: Size,
  boxes: readonly Box[],
  cover = Math.min(image.width, image.height),
): boolean {
  let best = 0;
  let at = heatmap.length;
  let isInside = false;
  // The first cell that shows a heatmap's pixel has the first of the image's pixels
  // that it stands for; those after it are no better.
  visitPixels(heatmap, side, image, boxes, "excluded", (value, pixels, isBox, index) => {
    const isBetter = value > best || value === best && value > 0 && index < at;
    if (isBetter && pixels > 0) [best, at, isInside] = [value, index, isBox];
  }, { cover });
  return isInside;
}
