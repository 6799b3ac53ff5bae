/**
 * Scores a result again from its stored heatmap.
 *
 * @module
 */

import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { finishGrid } from "../methods/grid_heatmap.ts";
import { finishHeatmap, type FinishSettings, type Heatmap } from "../pipeline/postprocess.ts";
import { cropRegion } from "../images/preprocess.ts";
import { coverOf, type CropRegion } from "../base/geometry.ts";
import type { Truth } from "../base/region.ts";
import { type ProtocolOptions, scoreByProtocols } from "../scoring/protocols.ts";
import type { HeatmapResult } from "./run_folder.ts";

/** How {@linkcode rescore} finishes and scores heatmaps. */
export interface RescoreSettings extends Required<FinishSettings>, Omit<ProtocolOptions, "cover"> {}

/** A heatmap that was finished from its stored layers. */
export interface FinishedHeatmap extends Heatmap {
  /** The part of the image that the heatmap covers. */
  readonly crop: CropRegion;
}

/**
 * Finishes a stored heatmap by the same steps as its run. A method's own grid is neither smoothed
 * nor cut.
 *
 * @param stored The stored heatmap.
 * @param settings How to finish the heatmap.
 * @throws {RangeError} If the heatmap cannot be made, or a setting is out of its range.
 */
export function finishStored(
  { size, image: { width, height }, layers, view }: Omit<StoredHeatmap, "id">,
  finish: Required<FinishSettings>,
): FinishedHeatmap {
  const crop = cropRegion(width, height, view);
  if (!view) return { ...finishHeatmap(layers, { ...finish, size }), crop };
  const { side, data: values } = layers[0]!;
  return { ...finishGrid({ side, values }), crop };
}

/**
 * Finishes and scores a heatmap as {@linkcode evaluate} does, without the model.
 *
 * @param result The result, scored or grounded.
 * @param stored The result's stored heatmap.
 * @param settings How to finish and score the heatmap.
 * @param truth Ground truth of the result; its boxes by default.
 * @returns The result with a new threshold and new scores; a result without ground truth has no
 * scores.
 * @throws {RangeError} If the heatmap cannot be made or scored, or a setting is out of its range.
 */
export function rescore(
  result: HeatmapResult,
  stored: StoredHeatmap,
  settings: RescoreSettings,
  truth: Truth = result.boxes,
): SampleResult {
  const { heatmap, threshold = null, crop } = finishStored(stored, settings);
  if (result.status === "grounded") return { ...result, threshold };
  const { absCnr: _1, cnr: _2, miou: _3, aucRoc: _4, protocols: _5, ...grounded } = result;
  const { status, threshold: _6, ...sample } = grounded;
  const options = { ...settings, cover: coverOf(crop) };
  const scores = scoreByProtocols(heatmap, stored.image, truth, options);
  return { ...sample, threshold, ...scores, status };
}
