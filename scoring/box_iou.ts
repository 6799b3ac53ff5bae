import { area, type Box, coveredArea, intersect, type Size } from "../base/geometry.ts";
import { isRegion, type Region, regionArea, type Truth } from "../base/region.ts";
import { clipTruth } from "./score_heatmap.ts";

/** Rules for comparing a prediction with several ground-truth boxes; see {@linkcode boxIou}. */
export const BOX_RULES = ["union", "max"] as const;

/** A rule of {@linkcode BOX_RULES}. */
export type BoxRule = typeof BOX_RULES[number];

/**
 * Intersection over union of predicted boxes and ground truth, 0..1. The paper scores MedRPG and
 * OmniFM-DR by mIoU alone (section IV). Boxes are a map of 0 and 1, so all thresholds of mIoU give
 * this one number.
 *
 * - `union` compares the prediction with all ground-truth boxes together, as the paper's mIoU does.
 * - `max` compares the prediction with each ground-truth box alone, and takes the highest value.
 *   The paper does so for MedRPG, which gives one box per phrase.
 *
 * A region is compared as a whole by both rules.
 *
 * @param predicted Boxes in pixels of the image. Fractions of a pixel count; parts outside the
 * image do not. Without any part inside the image, the result is 0.
 * @param truth Ground truth in pixels of the image: at least one box, or a region, as for
 * {@linkcode scoreHeatmap}.
 * @param image Size of the image in pixels.
 * @throws {RangeError} If there is no ground-truth box, or a ground-truth box or the region does not
 * fit the image.
 */
export function boxIou(
  predicted: readonly Box[],
  truth: Truth,
  image: Size,
  rule: BoxRule = "union",
): number {
  const whole: Box = [0, 0, image.width, image.height];
  const shown = predicted.map((box) => intersect(box, whole)).filter((box) => area(box) > 0);
  const clipped = clipTruth(truth, image);
  if (isRegion(clipped) || rule === "union") return ratio(overlapOf(shown, clipped));
  return Math.max(...clipped.map((box) => ratio(overlapOf(shown, [box]))));
}

/** Areas in pixels. */
export interface Overlap {
  /** Area that predicted boxes and ground truth share. */
  readonly shared: number;
  /** Area that predicted boxes or ground truth cover. */
  readonly covered: number;
}

/** Exact areas of predicted boxes and ground truth, each taken together. */
export function overlapOf(predicted: readonly Box[], truth: Truth): Overlap {
  if (isRegion(truth)) {
    const shared = sharedArea(predicted, truth);
    return { shared, covered: coveredArea(predicted) + regionArea(truth) - shared };
  }
  const shared = coveredArea(
    predicted.flatMap((box) => truth.map((other) => intersect(box, other)))
      .filter((box) => area(box) > 0),
  );
  return { shared, covered: coveredArea(predicted) + coveredArea(truth) - shared };
}

function ratio({ shared, covered }: Overlap): number {
  return shared / covered;
}

/** Area of a region's pixels that boxes cover; a box may cover a fraction of a pixel. */
function sharedArea(boxes: readonly Box[], { height, runs, rows }: Region): number {
  let shared = 0;
  for (let y = 0; y < height; y++) {
    const row = boxes.filter((box) => box[1] < y + 1 && box[1] + box[3] > y);
    if (row.length === 0) continue;
    for (let run = rows[y]!; run < rows[y + 1]!; run++) {
      const pixels: Box = [runs[2 * run]!, y, runs[2 * run + 1]! - runs[2 * run]!, 1];
      const parts = row.map((box) => intersect(box, pixels)).filter((part) => area(part) > 0);
      shared += coveredArea(parts);
    }
  }
  return shared;
}
