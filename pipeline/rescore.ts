/**
 * A result scored again from what its heatmap is made of.
 *
 * @module
 */

import type { SampleResult, StoredHeatmap } from "./evaluate.ts";
import { finishHeatmap } from "./postprocess.ts";
import { type ProtocolOptions, scoreByProtocols } from "./protocols.ts";

/** How {@linkcode rescore} finishes and scores heatmaps. */
export interface RescoreSettings extends ProtocolOptions {
  /** Standard deviation of the Gaussian in heatmap pixels, 0..32. */
  readonly sigma: number;
  /** Whether values up to Otsu's threshold are set to 0. */
  readonly otsu: boolean;
}

/**
 * Finishes and scores a heatmap as {@linkcode evaluate} does, without the model.
 *
 * @param result The result, scored or grounded.
 * @param stored What its heatmap is made of.
 * @param settings How to finish and score it.
 * @returns A result that differs in threshold and scores alone.
 * @throws {RangeError} If the heatmap cannot be made or scored, or a setting is out of its range.
 */
export function rescore(
  result: Extract<SampleResult, { readonly status: "scored" | "grounded" }>,
  { size, image, layers }: StoredHeatmap,
  { sigma, otsu, ...score }: RescoreSettings,
): SampleResult {
  const { heatmap, threshold = null } = finishHeatmap(layers, { size, sigma, otsu });
  if (result.status === "grounded") return { ...result, threshold };
  const { absCnr: _1, cnr: _2, miou: _3, aucRoc: _4, protocols: _5, ...grounded } = result;
  const { status, threshold: _6, ...sample } = grounded;
  const scores = scoreByProtocols(heatmap, image, result.boxes, score);
  return { ...sample, threshold, ...scores, status };
}
