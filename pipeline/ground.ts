/**
 * All stages in sequence: samples in, heatmaps out.
 *
 * @module
 */

import type { Sample } from "../datasets/sample.ts";
import type { Bundle } from "../models/ldm/bundle.ts";
import {
  chooseLayers,
  defaultLayers,
  type LdmModel,
  openModel,
  type OpenModelOptions,
} from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { Runtime } from "../models/runtime/runtime.ts";
import type { Gpu } from "../shaders/device.ts";
import { aggregate } from "./aggregate.ts";
import {
  decode,
  type DecodedImage,
  decodeImage,
  type ImageRequest,
  type ImageSource,
} from "./decode.ts";
import { denoise } from "./denoise.ts";
import { encode } from "./encode.ts";
import { countSamples, type Dropped, type Flow, item } from "./flow.ts";
import { finishOnGpu } from "./gpu/heatmap_stage_gpu.ts";
import { imageByImage, retryOnDeviceLoss } from "./gpu/lost_gpu.ts";
import { metrics, type ScoredPhrase } from "./metrics.ts";
import { cachedNoise, noisePasses, noising } from "./noise.ts";
import { otsu } from "./otsu.ts";
import {
  type ProtocolChoice,
  type ProtocolOptions,
  requireProtocolOptions,
} from "../scoring/protocols.ts";
import {
  type GroundSettings,
  requirePhrases,
  type ResolvedSettings,
  resolveSettings,
} from "./settings/settings.ts";
import { groupStream } from "../base/stream.ts";
import { isOfClass, requireTokens } from "./settings/token_range.ts";
import { variantLayers } from "./settings/variants.ts";

/** Options for samples on their way through the stages. */
export interface RunOptions extends GroundSettings, ProtocolChoice {
  /**
   * Number of images that may be decoded ahead of the model.
   *
   * @default {1}
   */
  concurrency?: number;
  /**
   * Called after each U-Net pass with the number of samples done. The finished share of the current
   * image's samples counts too.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Folder for noisy latents, 48 KB per chosen step at full size. With its latents in the folder,
   * an image needs U-Net passes for its phrases only. Other phrases, layers and post-processing use
   * the same latents. Several runs may share the folder.
   *
   * @default {undefined}
   */
  cache?: string;
  /**
   * GPU that makes heatmaps from attention. Give it only if the model runs on the CPU.
   *
   * @default {The model's GPU, if the model runs on one}
   */
  gpu?: Gpu;
  /**
   * Receives one sentence if the run moves to another device because a GPU was lost. Also receives
   * one sentence if the cache cannot read or write an entry.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
  /**
   * Aborts the run, which throws the signal's reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
  /**
   * Ends the run after the current image, as if the source had no more samples.
   *
   * @default {undefined}
   */
  ending?: AbortSignal;
}

/** The model to run: an open model, or a bundle to open for the call. */
export interface ModelOptions extends OpenModelOptions {
  /**
   * An open model; the call leaves it open. Give either `model` or `bundle`.
   *
   * @default {undefined}
   */
  model?: LdmModel;
  /**
   * A bundle. The call opens a model from it, and closes the model at the end.
   *
   * @default {undefined}
   */
  bundle?: Bundle;
  /**
   * Runtime for the model of `bundle`.
   *
   * @default {The fastest runtime of this machine}
   */
  runtime?: Runtime;
}

/** Options of {@linkcode ground}. */
export interface GroundOptions extends RunOptions, ModelOptions {
  /**
   * Maximum number of phrases of one image that go through the stages together. Further phrases of
   * the image follow in another group.
   *
   * @default {64}
   */
  phrasesPerImage?: number;
}

/** Result of one sample: a heatmap with its scores, or the reason why the sample dropped out. */
export type GroundResult =
  | ({ readonly kind: "grounded" } & ScoredPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/**
 * Grounds a stream of samples: one result per sample and variant, in order. Neighbouring samples of
 * one image share its trajectory. A bad sample gives a result of kind `dropped`, and the stream
 * continues. A bad model or option throws.
 *
 * Memory holds only a few images at a time, for any number of samples.
 *
 * @param samples Samples to ground.
 * @param options The model and the settings.
 * @throws {TypeError} If there is neither a model nor a bundle, or `noise` or `tokens` is unknown.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Usage
 * ```ts
 * import { ground, loadBundle, openModel, openRuntime } from "../mod.ts";
 *
 * const model = await openModel(await loadBundle("models/demo"), await openRuntime());
 * const samples = [{ id: "1", image: "xray.png", phrase: "left pleural effusion", boxes: [] }];
 * for await (const result of ground(samples, { model, steps: 50 })) {
 *   if (result.kind === "grounded") console.log(result.threshold);
 *   else console.log(result.reason); // xray.png does not exist
 * }
 * await model.close();
 * ```
 */
export function ground(
  samples: AsyncIterable<Sample> | Iterable<Sample>,
  options: GroundOptions,
): AsyncIterableIterator<GroundResult> {
  const { phrasesPerImage = 64 } = options;
  if (!(Number.isInteger(phrasesPerImage) && phrasesPerImage >= 1)) {
    throw new RangeError(
      `Cannot ground ${phrasesPerImage} phrases of an image at a time: expected a whole number from 1`,
    );
  }
  const source = requests(samples, phrasesPerImage);
  return toResults(usingModel(options, (model) => groundRequests(source, { ...options, model })));
}

/** Gives each result a kind of the public interface. */
export async function* toResults(
  flows: AsyncIterable<Flow<ScoredPhrase>>,
): AsyncIterableIterator<GroundResult> {
  for await (const flow of flows) {
    yield flow.kind === "dropped"
      ? { kind: "dropped", ...flow.dropped }
      : { kind: "grounded", ...flow.item };
  }
}

/**
 * Runs with the caller's model, or opens the bundle's model and closes it at the end. A bad choice
 * or setting throws at once, before a model opens.
 */
function usingModel<T>(
  options: ModelOptions & GroundSettings,
  run: (model: LdmModel) => AsyncIterable<T>,
): AsyncIterableIterator<T> {
  const { model, bundle, runtime, weights = "float32", variants } = options;
  if (model) {
    resolveSettings(model, options);
    return (async function* () {
      yield* run(model);
    })();
  }
  if (!bundle) throw new TypeError("Cannot ground without a model or a bundle");
  const count = bundle.crossAttentionLayers;
  const layers = chooseLayers(
    options.layers ?? (variants ? variantLayers(variants, count) : defaultLayers(bundle)),
    count,
  );
  resolveSettings({ bundle, layers }, options);
  return (async function* () {
    const opened = await openModel(bundle, runtime ?? await openRuntime(), {
      layers,
      weights,
      separate: options.separate ?? variants !== undefined,
      tokenSums: options.tokens === "content",
    });
    try {
      yield* run(opened);
    } finally {
      await opened.close();
      // Nobody else owns a device that was opened here, or a device that the model moved to.
      if (opened.runtime !== runtime) opened.runtime.gpu?.destroy();
    }
  })();
}

async function* requests(
  samples: AsyncIterable<Sample> | Iterable<Sample>,
  most: number,
): AsyncIterableIterator<Flow<ImageRequest>> {
  for await (const group of groupStream(samples, (sample) => sample.image, most)) {
    yield item({ image: group[0]!.image, samples: group });
  }
}

/**
 * Runs images with their phrases through the stages from decode to metrics. Unlike
 * {@linkcode ground}, the function takes images that are not files. The source may also contain
 * samples that dropped out before.
 *
 * @param source Images with their phrases.
 * @param options The model and the settings. Samples with ids in `done` run again, but do not count
 * as progress.
 */
export function groundRequests(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: RunOptions & { model: LdmModel; done?: ReadonlySet<string> },
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  const { model, signal, ending, concurrency = 1, onProgress, onNotice, cache, done } = options;
  const settings = resolveSettings(model, options);
  if (settings.tokens === "content" && model.runtime.gpu && !model.tokenSums) {
    throw new TypeError('Cannot read tokens "content" on a GPU: open the model with `tokenSums`');
  }
  const { protocols, margin } = options;
  const score: ProtocolOptions = { ...(protocols && { protocols }), ...(margin && { margin }) };
  requireProtocolOptions(score);
  const stop = { ...(signal && { signal }) };
  const size = model.bundle.config.imageSize;

  // `finished` counts samples whose results are out; `image` is the progress of the current image.
  let finished = 0;
  let image = { before: 0, phrases: 0, passes: 0, total: 1 };
  const onPass = (steps: number) => {
    image.passes += steps;
    const { before, phrases, passes, total } = image;
    // An image that restarts on another device counts its passes twice: limit its share to 1.
    onProgress?.(Math.max(finished, before + phrases * Math.min(1, passes / total)));
  };
  const named = isOfClass(settings.tokens) || settings.tokens === "content"
    ? requireTokens(source, model.bundle.tokenizer, settings, stop)
    : source;
  const images = decode(named, { ...stop, concurrency, ...(ending && { ending }) });
  const decoded = counting(images, (samples) => {
    const phrases = samples.filter(({ id }) => !done?.has(id)).length;
    image = { before: finished, phrases, passes: 0, total: imagePasses(settings, samples.length) };
  });
  const through = (source: AsyncIterable<Flow<DecodedImage>>, gpu: Gpu | undefined) => {
    const passing = { ...stop, onPass };
    const walking = { ...passing, keepTrunks: true, ...(onNotice && { onNotice }) };
    const noisy = cache === undefined
      ? noising(encode(source, model, stop), model, settings, walking)
      : cachedNoise(source, model, settings, cache, walking);
    const attention = denoise(noisy, model, settings, passing);
    if (gpu) return finishOnGpu(attention, gpu, size, settings, score, stop);
    return metrics(otsu(aggregate(attention, size, settings, stop), stop), score, stop);
  };
  const stages: typeof through = (source, gpu) =>
    gpu || !model.runtime.reopen
      ? through(source, gpu)
      : imageByImage(source, (image) => through(image, undefined));
  const gpu = options.gpu ?? model.runtime.gpu;
  const scored = gpu || model.runtime.reopen
    ? retryOnDeviceLoss(decoded, model, gpu, stages, onNotice)
    : stages(decoded, undefined);
  const last = settings.variants.at(-1);
  return countSamples(scored, done, (count) => finished = count, last);
}

/** Number of U-Net passes, whole or cut, for an image with `phrases` phrases. */
function imagePasses(settings: ResolvedSettings, phrases: number): number {
  return noisePasses(settings) + phrases * (settings.end - settings.start);
}

async function* counting<T extends { samples: readonly Sample[] }>(
  source: AsyncIterable<Flow<T>>,
  onImage: (samples: readonly Sample[]) => void,
): AsyncIterableIterator<Flow<T>> {
  for await (const flow of source) {
    if (flow.kind === "item") onImage(flow.item.samples);
    yield flow;
  }
}

/** Options of {@linkcode groundImage}. */
export interface GroundImageOptions
  extends Omit<RunOptions, "concurrency" | "ending">, ModelOptions {}

/**
 * Grounds phrases in one image.
 *
 * @param image Path of a PNG, JPEG or DICOM file, its bytes, or grey pixels.
 * @param phrases One or several phrases.
 * @param options The model and the settings.
 * @returns One heatmap per phrase and variant, in order.
 * @throws {Error} If the image cannot be read or a phrase cannot be grounded.
 * @throws {TypeError} If there is neither a model nor a bundle, no phrase, or an empty phrase. Also
 * if `noise` or `tokens` is unknown, or if `tokens` asks for the tokens of a class.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Usage
 * ```ts
 * import { drawPhantom, groundImage, loadBundle } from "../mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const xray = drawPhantom({ seed: 1 }); // or the path of a PNG, JPEG or DICOM file
 * const [effusion] = await groundImage(xray, ["left pleural effusion"], { bundle, steps: 10 });
 * console.log(effusion!.heatmap.length, effusion!.size); // size * size values, 0 to 1
 * ```
 */
export async function groundImage(
  image: ImageSource,
  phrases: readonly string[],
  options: GroundImageOptions,
): Promise<ScoredPhrase[]> {
  requirePhrases(phrases);
  if (isOfClass(options.tokens ?? "phrase")) {
    throw new TypeError(
      `Cannot average the tokens of a class ("${options.tokens}"): a phrase by itself has none`,
    );
  }
  // Decode first: a bad image should fail before the model takes seconds to load.
  const gray = await decodeImage(image);
  const samples = phrases.map((phrase, i) => ({ id: String(i), image: "", phrase, boxes: [] }));
  async function* source() {
    yield await Promise.resolve(item({ image: gray, samples }));
  }
  const results = usingModel(options, (model) => groundRequests(source(), { ...options, model }));
  const grounded: ScoredPhrase[] = [];
  for await (const flow of results) {
    if (flow.kind === "dropped") throw new Error(droppedSentence(flow.dropped));
    grounded.push(flow.item);
  }
  return grounded;
}

/**
 * Says why a phrase has no result. The sentence names the phrase, unless a method's own model gave
 * the reason as a sentence.
 */
export function droppedSentence({ sample, stage, reason }: Dropped): string {
  // A method with a model of its own may answer in a sentence, which needs no second "Cannot".
  const isSentence = stage === "ground" && reason.startsWith("Cannot ");
  return isSentence ? reason : `Cannot ground "${sample.phrase}": ${reason}`;
}
