/**
 * The box around a mask's largest connected component.
 *
 * @module
 */

import {
  area,
  type Box,
  coveredArea,
  type CropRegion,
  intersect,
  toOriginal,
} from "../base/geometry.ts";

/** Intersection over union of a box with the truth, 0..1. */
export interface BoxOverlap {
  /** With all boxes together, as the area that they cover. */
  readonly iouUnion: number;
  /** With the box of the largest area. */
  readonly iouLargest: number;
}

/**
 * How much the box around the mask's largest connected component overlaps the
 * truth, on the original image. To take that box for the answer of a heatmap is
 * from Zhou et al., "Learning Deep Features for Discriminative Localization",
 * CVPR 2016; here the mask is what is above 0, which Otsu's threshold has left,
 * and not what is above 20 % of the maximum. Pixels that touch at a corner are
 * connected, as contours of OpenCV, with which such boxes are commonly found
 * (Choe et al., "Evaluating Weakly Supervised Object Localization Methods
 * Right", CVPR 2020); the component of most pixels is the largest.
 *
 * @param heatmap Row-major square map.
 * @param side Its side in pixels.
 * @param crop The part of the image that it covers.
 * @param boxes Ground truth in whole pixels of the original image.
 */
export function componentBoxOverlap(
  heatmap: Float32Array,
  side: number,
  crop: CropRegion,
  boxes: readonly Box[],
): BoxOverlap {
  const found = largestComponentBox(heatmap, side);
  if (!found) return { iouUnion: 0, iouLargest: 0 };
  const box = toOriginal(found, side, crop);
  const largest = boxes.toSorted((a, b) => area(b) - area(a))[0]!;
  return { iouUnion: overlap(box, boxes), iouLargest: overlap(box, [largest]) };
}

/**
 * The box around the largest connected component of what is above 0, in heatmap
 * pixels; of several the first in reading order.
 */
export function largestComponentBox(heatmap: Float32Array, side: number): Box | undefined {
  const isSeen = new Uint8Array(heatmap.length);
  const stack: number[] = [];
  let most = 0;
  let box: Box | undefined;
  for (let seed = 0; seed < heatmap.length; seed++) {
    if (isSeen[seed] || !(heatmap[seed]! > 0)) continue;
    let count = 0;
    let [left, top, right, bottom] = [side, side, -1, -1];
    isSeen[seed] = 1;
    stack.push(seed);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      count++;
      const [x, y] = [at % side, Math.floor(at / side)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, side - 1); v++) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, side - 1); u++) {
          const next = v * side + u;
          if (isSeen[next] || !(heatmap[next]! > 0)) continue;
          isSeen[next] = 1;
          stack.push(next);
        }
      }
    }
    if (count <= most) continue;
    most = count;
    box = [left, top, right - left + 1, bottom - top + 1];
  }
  return box;
}

/** Intersection over union of a box and what others cover. */
function overlap(box: Box, others: readonly Box[]): number {
  const shared = coveredArea(others.map((other) => intersect(box, other)));
  return shared / (area(box) + coveredArea(others) - shared);
}
