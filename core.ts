/**
 * The part of the API that runs both in Deno and in browsers: models, stages and shaders.
 *
 * @module
 */

export * from "./models/biovil/mod.ts";
export * from "./models/ldm/mod.ts";
export * from "./models/runtime/mod.ts";
export type { GridHeatmap, GridModel } from "./models/grid_model.ts";
export {
  createTokenizer,
  type EncodedPhrase,
  type Tokenizer,
  type TokenizerFiles,
  type TokenizerOptions,
} from "./models/tokenizer.ts";
export { Scheduler, type SchedulerConfig } from "./models/scheduler.ts";
export type { Box, CropRegion, GrayImage, MethodCrop, Size } from "./base/geometry.ts";
export * from "./pipeline/mod.ts";
export type { Checkpoint, DType, TensorEntry, TensorSet } from "./models/checkpoint/mod.ts";
export type { AdapterFacts, Gpu } from "./shaders/device.ts";
export type { Margin } from "./shaders/metrics_cpu.ts";
