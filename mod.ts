/**
 * Zero-shot phrase grounding in chest X-rays: where in the image does a phrase of the report apply?
 * The answer comes from the cross-attention of a frozen latent diffusion model (Vilouras et al.,
 * "Zero-Shot Medical Phrase Grounding with Off-the-shelf Diffusion Models"). Research software, not
 * for clinical use.
 *
 * @example Ground a phrase
 * ```ts
 * import { drawPhantom, groundImage, loadBundle } from "./mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const xray = drawPhantom({ seed: 1 }); // or the path of a PNG, JPEG or DICOM file
 * const [result] = await groundImage(xray, ["left pleural effusion"], { bundle });
 * console.log(result!.originalBox); // [x, y, width, height] of the mask in the X-ray
 * ```
 *
 * @module
 */

import "./base/host/deno/mod.ts";

// Ground phrases: a bundle's files, a runtime and the model, then one image or a stream of them.
export { type Bundle, loadBundle, type LoadBundleOptions } from "./models/ldm/bundle.ts";
export { type LdmModel, openModel, type OpenModelOptions } from "./models/ldm/model.ts";
export {
  type DeviceChoice,
  openRuntime,
  type RuntimeChoice,
} from "./models/runtime/open_runtime.ts";
export {
  ground,
  groundImage,
  type GroundImageOptions,
  type GroundOptions,
  type GroundResult,
  type ModelOptions,
  type RunOptions,
} from "./pipeline/ground.ts";

// Methods beside the diffusion model, one's own among them, and the evaluation of a dataset by them.
export { openMethod, type OpenMethodOptions } from "./methods/open_method.ts";
export { boxMethod } from "./methods/box_method.ts";
export type { BOX_RULES, BoxRule } from "./methods/boxes/score_boxes.ts";
export { gridMethod } from "./methods/grid_method.ts";
export { InputError } from "./base/errors.ts";
export { evaluate, type Evaluated, type EvaluateOptions } from "./pipeline/evaluate.ts";

// Finish and score attention or heatmaps from elsewhere, by the same numbers as a run.
export {
  type AttentionLayer,
  type AveragedLayer,
  type FinishHeatmapOptions,
  type FinishSettings,
  type Heatmap,
  type LayerMean,
  type MaskedHeatmap,
  postprocess,
  type PostprocessInput,
  type PostprocessResult,
  type SmoothHeatmap,
} from "./pipeline/postprocess.ts";
export {
  type AllScores,
  type ProtocolChoice,
  type ProtocolName,
  type ProtocolOptions,
  type ProtocolScores,
  scoreByProtocols,
} from "./scoring/protocols.ts";
export { scoreHeatmap, type ScoreOptions, type Scores } from "./scoring/score_heatmap.ts";
export { type Region, regionOf, type Truth } from "./base/region.ts";
export { type ReadRegion, readRegion } from "./scoring/truth/read_region.ts";
export type { PngMask, PolygonMask, RleMask, TruthMask } from "./base/truth_mask.ts";

// Input for all of these: pixels of an image, the samples of a dataset, synthetic X-rays.
export { type DecodedImage, decodeImage, type ImageSource } from "./pipeline/decode.ts";
export {
  type Dataset,
  openDataset,
  type OpenDatasetOptions,
  type PlannedSample,
  type Shard,
} from "./datasets/open_dataset.ts";
export type { Category, DatasetItem, RowFailure, Sample } from "./datasets/sample.ts";
export type { TrainingSet } from "./datasets/training.ts";
export type { Detection } from "./datasets/layouts/detection.ts";
export {
  drawPhantom,
  type Phantom,
  type PhantomFinding,
  type PhantomOptions,
  type PhantomSetOptions,
} from "./datasets/phantom/phantom.ts";
export { writePhantomSet } from "./datasets/phantom/phantom_set.ts";

export { type ReportSentence, reportSentences } from "./base/report/report_sentences.ts";

// Read the folder of a run, and write its scores, figures, page and files without the model.
export { readResults, type ReadResultsOptions, type ResultLine } from "./runs/read_results.ts";
export { Run as RunHeatmaps, type RunHeatmap } from "./runs/run.ts";
export { type RescoredRun, type RescoreOptions, rescoreRun } from "./runs/rescore_run.ts";
export { drawRun, type Figure, type FigureOptions } from "./reports/figures/run_figures.ts";
export { type ReportOptions, writeReport } from "./reports/html/write_report.ts";
export {
  type ConvertedRun,
  type ConvertOptions,
  convertRun,
  type Written,
} from "./reports/exports/convert_run.ts";
export type { ExportFormat } from "./reports/exports/registry.ts";

// Types in the signatures above; `deno doc --lint` demands each of them.
export type { Box, CenterCrop, Cover, CropRegion, GrayImage, Size, View } from "./base/geometry.ts";
export type { Checkpoint } from "./models/checkpoint/checkpoint.ts";
export type { DType, TensorEntry } from "./models/checkpoint/tensor_entry.ts";
export type { Setting } from "./models/checkpoint/pytorch/torch_pickle.ts";
export type { TensorSet } from "./models/checkpoint/tensor_set.ts";
export type { AutoencoderConfig } from "./models/ldm/autoencoder.ts";
export type { LdmConfig } from "./models/ldm/config.ts";
export type { Networks, Posterior } from "./models/ldm/networks.ts";
export type { UnetConfig } from "./models/ldm/unet_config.ts";
export type {
  AttentionMaps,
  Columns,
  Conditioning,
  Trunk,
  UnetSession,
} from "./models/ldm/unet_session.ts";
export type { WeightType } from "./models/ldm/weights.ts";
export type {
  ExternalData,
  ExternalReference,
  LoadOptions,
  OutputTensor,
  ProviderName,
  Runtime,
  RuntimeName,
  Session,
  Tensor,
  TensorData,
} from "./models/runtime/runtime.ts";
export type { Scheduler, SchedulerConfig, TimestepSpacing } from "./models/scheduler.ts";
export type { BertConfig } from "./models/text/bert.ts";
export type { ClipTextConfig } from "./models/text/clip.ts";
export type { BertLayout, ClipLayout, TextEncoderLayout } from "./models/text/text_encoder.ts";
export type { EncodedPhrase, Tokenizer } from "./models/tokenizer.ts";
export type { AggregatedPhrase } from "./pipeline/aggregate.ts";
export type {
  AnyResult,
  GroundedResult,
  SampleResult,
  StoredHeatmap,
} from "./pipeline/evaluate.ts";
export type { Dropped, Flow, StageName, StageOptions } from "./pipeline/flow.ts";
export type { ScoredPhrase } from "./pipeline/metrics.ts";
export type { MaskedPhrase } from "./pipeline/otsu.ts";
export type { Selection } from "./pipeline/settings/selection.ts";
export type { Flag, Flags, FlagValues, IsAlwaysThere, ValueOf } from "./base/options.ts";
export type {
  Backend,
  ChosenMethod,
  MethodContext,
  MethodRow,
  WholeDataset,
} from "./methods/method_row.ts";
export type { BoxModel, FoundBoxes } from "./models/box_model.ts";
export type { GridHeatmap, GridModel } from "./models/grid_model.ts";
export type {
  BoxedPhrase,
  Expectation,
  GroundedPhrase,
  Method,
  MethodOptions,
} from "./pipeline/method.ts";
export type { DecodeOptions, ImageRequest } from "./pipeline/decode.ts";
export type { GroundSettings, ResolvedSettings } from "./pipeline/settings/settings.ts";
export type { Variant, VariantSettings } from "./pipeline/settings/variants.ts";
export type { ReaderOptions, VariantOptions } from "./reports/reader_options.ts";
export type { FinishedHeatmap, RescoreSettings } from "./runs/rescore.ts";
export type { RunRecord } from "./runs/run_folder.ts";
export type { ScoringSettings } from "./runs/scoring_settings.ts";
export type { AdapterFacts, Gpu } from "./shaders/device.ts";
export type { Margin } from "./shaders/metrics_cpu.ts";

// Lists of names from which types above are derived: as types alone.
export type { CLASSES } from "./datasets/sample.ts";
export type { FORMATS } from "./reports/exports/registry.ts";
export type { WEIGHT_TYPES } from "./models/ldm/weights.ts";
export type { DEVICES } from "./models/runtime/open_runtime.ts";
export type { NOISE_KINDS, TOKEN_KINDS } from "./pipeline/settings/settings.ts";
export type { PROTOCOLS } from "./scoring/protocols.ts";
