/**
 * Boxes from a heatmap.
 *
 * @module
 */

import type { Box } from "../../base/geometry.ts";
import { otsuThreshold } from "../../shaders/otsu_cpu.ts";
import { quantile, sortFloats } from "../../base/sort_floats.ts";
import { components } from "../component_box.ts";

/** A predicted box. */
export interface ScoredBox {
  /** The box in pixels of the image. */
  readonly box: Box;
  /** Confidence; 1 if the method states none. */
  readonly score: number;
}

/** Converts a box from heatmap pixels to pixels of the image. */
export type Place = (box: Box) => Box;

/**
 * The boxes around the connected components of a heatmap's mask, highest score first, then largest.
 * Pixels are connected at their edges, and a score is the mean of a component's values. The code of
 * ClueGround decodes probability maps so (`decode_probability_mask`). ClueGround also chooses a
 * threshold, a least area and a greatest number on validation data. Here the mask is Otsu's, and
 * all components stay.
 *
 * @param heatmap Row-major square map of values from 0.
 * @param side Side of the heatmap in pixels.
 * @param isMasked The values above 0 are a mask already; otherwise Otsu's threshold cuts it.
 */
export function maskBoxes(
  heatmap: Float32Array,
  side: number,
  isMasked: boolean,
  place: Place,
): ScoredBox[] {
  const threshold = isMasked ? 0 : otsuThreshold(heatmap);
  return [...components(heatmap, side, threshold, 4)]
    .sort((one, other) => other.mean - one.mean || other.count - one.count)
    .map(({ box, mean }) => ({ box: place(box), score: mean }));
}

/** Least pixels of a component, and most components, in MedFocus. */
const [LEAST_PIXELS, MOST_BOXES] = [16, 10];

/**
 * The boxes of MedFocus (2026): values from the .9 quantile of the values other than 0, connected at
 * edges and corners. Components of at least 16 heatmap pixels count, at most 10 by size.
 *
 * @param heatmap Row-major square map of values from 0.
 * @param side Side of the heatmap in pixels.
 * @param sorted The heatmap's values in ascending order.
 */
export function medfocusBoxes(
  heatmap: Float32Array,
  side: number,
  place: Place,
  sorted: Float32Array = sortFloats(heatmap),
): Box[] {
  const values = sorted.subarray(sorted.lastIndexOf(0) + 1);
  if (values.length === 0) return [];
  const threshold = quantile(values, 0.9);
  const isIn = new Float32Array(heatmap.length);
  for (let i = 0; i < heatmap.length; i++) {
    if (heatmap[i] !== 0 && heatmap[i]! >= threshold) isIn[i] = 1;
  }
  return [...components(isIn, side, 0, 8)].filter(({ count }) => count >= LEAST_PIXELS)
    .sort((one, other) => other.count - one.count)
    .slice(0, MOST_BOXES).map(({ box }) => place(box));
}
