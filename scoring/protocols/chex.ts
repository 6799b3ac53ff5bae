/**
 * The sums behind ChEX's mIoU (Müller et al., ECCV 2024).
 *
 * @module
 */

import {
  area,
  type Box,
  type Cover,
  coveredRegion,
  intersect,
  type Size,
} from "../../base/geometry.ts";
import { filledBox, isRegion, type Truth } from "../../base/region.ts";
import { gridStatistics } from "../../shaders/metrics_cpu.ts";
import { overlapOf } from "../box_iou.ts";
import type { Entry } from "./box_sets.ts";
import type { ScoredBox } from "./map_boxes.ts";

/** Thresholds of the sums. */
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5] as const;

/** Names of the sums of a sample. */
export const CHEX_SUMS: readonly string[] = THRESHOLDS.flatMap((
  _,
  i,
) => [`shared${i + 1}`, `covered${i + 1}`]);

/** Side of the square frame (`iou_resolution`). */
const FRAME = 1024;

/**
 * Areas of intersection and union at each threshold, in pixels of a square frame of 1024 pixels. The
 * frame stands for the part of the image that the heatmap covers. Edges of boxes are cut to whole
 * pixels of the frame, as in `bboxes_to_mask` of ChEX; the heatmap is resized by nearest neighbour. A
 * region that is no rectangle counts in exact shares of the square.
 *
 * @param cover The part of the image that the heatmap covers.
 */
export function chexOfMap(
  heatmap: Float32Array,
  side: number,
  image: Size,
  truth: Truth,
  cover: Cover,
): Entry {
  const { x, y, side: across, height = across } = coveredRegion(image, cover);
  const covered: Box = [x, y, across, height];
  const frame = { width: FRAME, height: FRAME };
  const known = boxesOf(truth);
  const { boxes, background } = isRegion(known)
    ? gridStatistics(heatmap, side, image, known, "excluded", { cover })
    : gridStatistics(heatmap, side, frame, onFrame(known, covered));
  const scale = isRegion(known) ? FRAME ** 2 / area(covered) : 1;
  const sum = (of: (region: typeof background) => number) =>
    boxes.reduce((total, region) => total + of(region), 0);
  return entryOf((level) => ({
    shared: scale * sum(({ above }) => above[level]!),
    covered: scale * (sum(({ pixels }) => pixels) + background.above[level]!),
  }));
}

/** The same areas of predicted boxes with a score above each threshold; the frame is the image. */
export function chexOfBoxes(
  predicted: readonly ScoredBox[],
  image: Size,
  truth: Truth,
): Entry {
  const whole: Box = [0, 0, image.width, image.height];
  const known = boxesOf(truth);
  const scale = FRAME ** 2 / area(whole);
  return entryOf((level) => {
    const own = predicted.filter(({ score }) => score > THRESHOLDS[level]!).map(({ box }) => box);
    if (!isRegion(known)) return overlapOf(onFrame(own, whole), onFrame(known, whole));
    const shown = own.map((box) => intersect(box, whole)).filter((box) => area(box) > 0);
    const { shared, covered } = overlapOf(shown, known);
    return { shared: scale * shared, covered: scale * covered };
  });
}

/** The truth, as a box if it is a rectangle. */
function boxesOf(truth: Truth): Truth {
  const filled = isRegion(truth) ? filledBox(truth) : undefined;
  return filled ? [filled] : truth;
}

function entryOf(at: (level: number) => { shared: number; covered: number }): Entry {
  return Object.fromEntries(THRESHOLDS.flatMap((_, level) => {
    const { shared, covered } = at(level);
    return [[`shared${level + 1}`, shared], [`covered${level + 1}`, covered]];
  }));
}

/** Boxes in whole pixels of the frame that stands for a part of the image. */
function onFrame(boxes: readonly Box[], part: Box): Box[] {
  return boxes.map((box): Box => {
    const [x, y, width, height] = intersect(box, part);
    const [left, right] = [x, x + width].map((at) => cut(at - part[0], part[2]));
    const [top, bottom] = [y, y + height].map((at) => cut(at - part[1], part[3]));
    return [left!, top!, right! - left!, bottom! - top!];
  }).filter((box) => area(box) > 0);
}

function cut(position: number, length: number): number {
  return Math.trunc(FRAME * position / length);
}
