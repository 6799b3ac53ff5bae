/**
 * Scores a result again from its stored heatmap.
 *
 * @module
 */

import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { finishGrid } from "../methods/grid_heatmap.ts";
import {
  finishHeatmap,
  type FinishSettings,
  type Heatmap,
  maskHeatmap,
} from "../pipeline/postprocess.ts";
import { cropRegion } from "../images/preprocess.ts";
import { coverOf, type CropRegion, type Size } from "../base/geometry.ts";
import { normalize01 } from "../shaders/aggregate_cpu.ts";
import { DHS, sharpen } from "../scoring/sharpen.ts";
import type { Truth } from "../base/region.ts";
import {
  placelessTruth,
  type ProtocolChoice,
  type ProtocolName,
  scoreBoxesByProtocols,
  scoreByProtocols,
  scoreProtocols,
} from "../scoring/protocols.ts";
import { resultTruth } from "./result_truth.ts";
import type { HeatmapResult } from "./run_folder.ts";

/** Lifts that need no training, by name; `none` leaves heatmaps as they are. */
export const LIFTS = ["none", DHS.name] as const;

/** How {@linkcode rescore} finishes and scores heatmaps. */
export interface RescoreSettings extends Required<Omit<FinishSettings, "otsu">>, ProtocolChoice {
  /** True sets values up to Otsu's threshold to 0; a number is a threshold in its place, 0..1. */
  readonly otsu: boolean | number;
  /**
   * A lift of the finished heatmap, before it is cut.
   *
   * @default {"none"}
   */
  readonly lift?: "none" | "dhs";
}

/** A heatmap that was finished from its stored layers. */
export interface FinishedHeatmap extends Heatmap {
  /** The part of the image that the heatmap covers. */
  readonly crop: CropRegion;
  /** The heatmap without its lift; absent if it has none. */
  readonly unlifted?: Float32Array;
}

/**
 * Finishes a stored heatmap by the same steps as its run. A method's own grid is neither smoothed
 * nor cut. A lift takes the values before they are scaled, and its result is scaled to 0..1.
 *
 * @param stored The stored heatmap.
 * @param settings How to finish the heatmap.
 * @throws {RangeError} If the heatmap cannot be made, or a setting is out of its range.
 */
export function finishStored(
  { size, image: { width, height }, layers, view }: Omit<StoredHeatmap, "id">,
  { lift = "none", ...finish }: Pick<RescoreSettings, "sigma" | "otsu" | "lift">,
): FinishedHeatmap {
  const crop = cropRegion(width, height, view);
  const made = view
    ? finishGrid({ side: layers[0]!.side, values: layers[0]!.data })
    : finishHeatmap(layers, { ...finish, size });
  if (lift === "none" || !view && made.constant) return { ...made, crop };
  const normalised = normalize01(sharpen(made.smoothed));
  const otsu = made.threshold !== undefined && finish.otsu;
  const masked = maskHeatmap({ normalised, constant: false }, size, otsu);
  return { ...made, normalised, ...masked, unlifted: made.heatmap, crop };
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
  return scoreFinished(result, finishStored(stored, settings), stored.image, settings, truth);
}

/**
 * The second half of {@linkcode rescore}: scores a finished heatmap.
 *
 * @param result The result, scored or grounded.
 * @param finished The heatmap.
 * @param image Size of the original image in pixels.
 * @param settings How to score.
 * @param truth Ground truth of the result; its boxes by default.
 * @throws {RangeError} If the heatmap cannot be scored.
 */
export function scoreFinished(
  result: HeatmapResult,
  finished: Omit<FinishedHeatmap, "box" | "constant">,
  image: Size,
  settings: ProtocolChoice,
  truth: Truth = result.boxes,
): SampleResult {
  const { heatmap, smoothed: raw, threshold = null, crop, unlifted } = finished;
  const options = {
    ...{ ...settings, cover: coverOf(crop), raw, isMasked: threshold !== null },
    ...(unlifted && { unlifted }),
    ...(result.range && { range: result.range }),
  };
  if (result.status === "grounded") {
    const { protocols: _, status, ...own } = result;
    const known = placelessTruth(result.negative, result.present);
    const scores = known ? scoreProtocols(heatmap, image, known, options) : {};
    return { ...own, threshold, ...scores, status };
  }
  const { absCnr: _1, cnr: _2, miou: _3, aucRoc: _4, protocols: _5, ...grounded } = result;
  const { status, threshold: _6, ...sample } = grounded;
  const scores = scoreByProtocols(heatmap, image, truth, options);
  return { ...sample, threshold, ...scores, status };
}

/**
 * Scores predicted boxes again by protocols. The size of the image is known if the run was scored by
 * a protocol of boxes before. Otherwise `chex` and samples with masks do not count.
 *
 * @param result The result, scored or grounded, with predicted boxes.
 * @param protocols The protocols.
 * @param folder The run's folder.
 * @returns The result with new scores by protocols.
 * @throws {Error} As {@linkcode resultTruth}, if masks cannot be read.
 */
export async function rescoreBoxes(
  result: HeatmapResult,
  protocols: readonly ProtocolName[],
  folder: string,
): Promise<SampleResult> {
  const { protocols: _, status, ...own } = result;
  const known = status === "grounded"
    ? placelessTruth(result.negative, result.present)
    : result.boxes;
  if (!known) return result;
  const { masks, imageSize, predicted = [], confidence } = result;
  const truth = !masks ? known : imageSize && await resultTruth(result, imageSize, folder);
  const found = { predicted, ...(confidence && { confidence }) };
  const further = scoreBoxesByProtocols(found, truth, imageSize, protocols);
  return { ...own, ...further, status } as SampleResult;
}
