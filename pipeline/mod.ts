/**
 * The stages, and the functions that chain them.
 *
 * @module
 */

export type { AggregatedPhrase } from "./aggregate.ts";
export {
  ATTENTION_RANGES,
  type AttentionColumn,
  type AttentionGrid,
  attentionGrids,
  type AttentionGridSettings,
  attentionVariants,
  readAttention,
  type ReadAttentionOptions,
} from "./attention_grid.ts";
export { type DecodedImage, decodeImage, type ImageSource } from "./decode.ts";
export {
  type AnyResult,
  evaluate,
  type EvaluateOptions,
  type GroundedResult,
  type SampleResult,
  type StoredHeatmap,
} from "./evaluate.ts";
export type { Dropped, StageName } from "./flow.ts";
export {
  ground,
  groundImage,
  type GroundImageOptions,
  type GroundOptions,
  type GroundResult,
  type ModelOptions,
  type RunOptions,
} from "./ground.ts";
export type { MaskedPhrase } from "./otsu.ts";
export type { ScoredPhrase } from "./metrics.ts";
export {
  type AttentionLayer,
  type AveragedLayer,
  type FinishHeatmapOptions,
  type Heatmap,
  type LayerMean,
  type MaskedHeatmap,
  postprocess,
  type PostprocessInput,
  type PostprocessResult,
  type SmoothHeatmap,
} from "./postprocess.ts";
export { cropRegion, preprocess } from "../images/preprocess.ts";
export {
  type AllScores,
  type ProtocolName,
  type ProtocolOptions,
  PROTOCOLS,
  type ProtocolScores,
  scoreByProtocols,
} from "../scoring/protocols.ts";
export {
  scoreHeatmap,
  type ScoreName,
  type ScoreOptions,
  SCORES,
  type Scores,
} from "../scoring/score_heatmap.ts";
export {
  type GroundSettings,
  NOISE_KINDS,
  type ResolvedSettings,
  resolveSettings,
  TOKEN_KINDS,
} from "./settings/settings.ts";
export type { Selection } from "./settings/selection.ts";
export {
  tableTwoVariants,
  type Variant,
  variantLayers,
  type VariantSettings,
} from "./settings/variants.ts";
