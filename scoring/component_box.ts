import { area, type Box, type CropRegion, toOriginal } from "../base/geometry.ts";
import { overlapOf } from "./box_iou.ts";

/** Intersection over union of a box with the ground truth, 0..1. */
export interface BoxOverlap {
  /** Overlap with all ground-truth boxes together, as the area that they cover. */
  readonly iouUnion: number;
  /** Overlap with the ground-truth box of the largest area. */
  readonly iouLargest: number;
}

/**
 * Overlap of the ground truth with the box around the mask's largest connected component, on the
 * original image. Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016,
 * take this box as the answer of a heatmap. Their mask is the values above 20 % of the maximum.
 * Here the mask is the values above 0, which Otsu's threshold has left.
 *
 * Pixels that touch at a corner are connected, as in OpenCV's contours. Such boxes are commonly
 * found with OpenCV (Choe et al., "Evaluating Weakly Supervised Object Localization Methods Right",
 * CVPR 2020). The component with the most pixels is the largest.
 *
 * @param heatmap Row-major square map.
 * @param side Side of the heatmap in pixels.
 * @param crop The part of the image that the heatmap covers.
 * @param boxes Ground truth in whole pixels of the original image.
 * @returns 0 for both overlaps if the mask is empty.
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
 * The box around the largest connected component of values above 0, in heatmap pixels. Of several
 * equally large components, the first in reading order counts.
 */
export function largestComponentBox(heatmap: Float32Array, side: number): Box | undefined {
  let largest: Component | undefined;
  for (const component of components(heatmap, side, 0, 8)) {
    if (component.count > (largest?.count ?? 0)) largest = component;
  }
  return largest?.box;
}

/** A connected component of a heatmap's pixels. */
export interface Component {
  readonly count: number;
  readonly mean: number;
  /** Box around it in heatmap pixels. */
  readonly box: Box;
}

/**
 * Yields the connected components of the values above a threshold, in reading order of their first
 * pixels.
 *
 * @param heatmap Row-major square map.
 * @param side Side of the heatmap in pixels.
 * @param threshold Only values greater than the threshold are connected.
 * @param neighbours Pixels that touch at an edge (4), or at a corner too (8).
 */
export function* components(
  heatmap: Float32Array,
  side: number,
  threshold: number,
  neighbours: 4 | 8,
): Generator<Component, void> {
  // Runs of pixels within rows; runs that touch have one root, the first of them.
  const [starts, ends, sums, roots]: [number[], number[], number[], number[]] = [[], [], [], []];
  const firstOfRow = new Uint32Array(side + 1);
  const reach = neighbours === 8 ? 1 : 0;
  const rootOf = (run: number) => {
    while (roots[run] !== run) run = roots[run] = roots[roots[run]!]!;
    return run;
  };
  for (let y = 0; y < side; y++) {
    const own = starts.length;
    firstOfRow[y] = own;
    let above = y === 0 ? own : firstOfRow[y - 1]!;
    for (let x = 0; x < side; x++) {
      if (!(heatmap[y * side + x]! > threshold)) continue;
      const start = x;
      let sum = 0;
      for (; x < side && heatmap[y * side + x]! > threshold; x++) sum += heatmap[y * side + x]!;
      const run = starts.length;
      starts.push(start);
      ends.push(x);
      sums.push(sum);
      roots.push(run);
      while (above < own && ends[above]! <= start - reach) above++;
      for (let other = above; other < own && starts[other]! < x + reach; other++) {
        const [one, two] = [rootOf(other), rootOf(run)];
        roots[Math.max(one, two)] = Math.min(one, two);
      }
    }
  }
  firstOfRow[side] = starts.length;
  const found = new Map<number, { count: number; sum: number; edges: Box }>();
  for (let y = 0; y < side; y++) {
    for (let run = firstOfRow[y]!; run < firstOfRow[y + 1]!; run++) {
      const root = rootOf(run);
      const [start, end] = [starts[run]!, ends[run]!];
      const { count, sum, edges } = found.get(root) ??
        { count: 0, sum: 0, edges: [start, y, end, y] };
      found.set(root, {
        count: count + end - start,
        sum: sum + sums[run]!,
        edges: [Math.min(edges[0], start), edges[1], Math.max(edges[2], end), y],
      });
    }
  }
  for (const { count, sum, edges: [left, top, right, bottom] } of found.values()) {
    yield { count, mean: sum / count, box: [left, top, right - left, bottom - top + 1] };
  }
}

/** Intersection over union of a box with the area that other boxes cover. */
function overlap(box: Box, others: readonly Box[]): number {
  const { shared, covered } = overlapOf([box], others);
  return shared / covered;
}
