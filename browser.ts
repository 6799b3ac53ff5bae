/**
 * Groundray in a browser: everything of `mod.ts` that needs neither this machine's files nor its
 * own code. Models are read from files that the page is given.
 *
 * @example Ground a phrase in an X-ray, both picked by the user
 * ```ts ignore
 * import { giveFiles, groundImage, loadBundle } from "groundray/browser";
 *
 * giveFiles("model", files.map((file) => ({ path: file.webkitRelativePath, file })));
 * const bundle = await loadBundle("model/cxr");
 * const xray = new Uint8Array(await image.arrayBuffer());
 * const [effusion] = await groundImage(xray, ["left pleural effusion"], { bundle });
 * ```
 *
 * @module
 */

export { giveFiles, type GivenPath, usePackages } from "./host/browser/mod.ts";
export * from "./datasets/phantom.ts";
export * from "./datasets/sample.ts";
export type { Category } from "./datasets/_phantom_findings.ts";
export * from "./models/biovil/mod.ts";
export * from "./models/ldm/mod.ts";
export * from "./models/runtime/mod.ts";
export type { GridHeatmap, GroundingMethod, MethodCrop, MethodImage } from "./models/method.ts";
export {
  createTokenizer,
  type EncodedPhrase,
  type Tokenizer,
  type TokenizerFiles,
  type TokenizerOptions,
} from "./models/tokenizer.ts";
export { Scheduler, type SchedulerConfig } from "./models/scheduler.ts";
export * from "./pipeline/mod.ts";
export type { Checkpoint, DType, TensorEntry } from "./models/checkpoint/mod.ts";
export { type AdapterFacts, DeviceLostError, type Gpu, openGpu } from "./shaders/device.ts";
export type { Margin } from "./shaders/metrics_cpu.ts";
export type { Size } from "./shaders/resize_cpu.ts";
