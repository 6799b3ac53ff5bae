/**
 * The stages in a row: samples in, heatmaps out.
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
import { type Dropped, type Flow, item } from "./flow.ts";
import { finishOnGpu } from "./gpu/finish_gpu.ts";
import { survivingLoss } from "./lost_gpu.ts";
import { metrics, type ScoredPhrase } from "./metrics.ts";
import { cachedNoise, noise, noisePasses } from "./noise.ts";
import { otsu } from "./otsu.ts";
import { type ProtocolOptions, requireProtocolOptions } from "../scoring/protocols.ts";
import {
  type GroundSettings,
  type ResolvedSettings,
  resolveSettings,
} from "./settings/settings.ts";
import { groupStream } from "../base/stream.ts";
import { isOfClass, requireClassTokens } from "./settings/token_range.ts";
import { variantLayers } from "./settings/variants.ts";

/** How samples go through the stages. */
export interface RunOptions extends GroundSettings, Omit<ProtocolOptions, "cover"> {
  /**
   * How many images may be decoded ahead of the model.
   *
   * @default {1}
   */
  concurrency?: number;
  /**
   * Told after each pass of the U-Net how many samples are done, the finished
   * part of those under way included.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Folder to keep noisy latents in, 48 KB a chosen step at full size: further
   * phrases, layers or post-processing of an image then take only the passes of
   * its phrases. Several runs may share it.
   *
   * @default {undefined}
   */
  cache?: string;
  /**
   * Where heatmaps are made from attention: the model's own GPU, or this one
   * where the model runs on the CPU.
   *
   * @default {The model's, if it runs on one}
   */
  gpu?: Gpu;
  /**
   * Told in a sentence when the run goes on elsewhere because a GPU was lost, or
   * without what is in the cache.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
  /**
   * Ends the run with its reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
  /**
   * Ends the run after the image under way, as if there were no more samples.
   *
   * @default {undefined}
   */
  ending?: AbortSignal;
}

/** Which model to run: one that is open, or a bundle to open for the call. */
export interface ModelOptions extends OpenModelOptions {
  /**
   * A model that is open, and stays so. Give this or `bundle`.
   *
   * @default {undefined}
   */
  model?: LdmModel;
  /**
   * A bundle, opened for the call and closed after it.
   *
   * @default {undefined}
   */
  bundle?: Bundle;
  /**
   * What a `bundle` is to run on.
   *
   * @default {The fastest that this machine has}
   */
  runtime?: Runtime;
}

/** Options of {@linkcode ground}. */
export interface GroundOptions extends RunOptions, ModelOptions {
  /**
   * Most phrases of one image that share a pass through the stages; more are
   * grounded in several goes.
   *
   * @default {64}
   */
  phrasesPerImage?: number;
}

/** What became of one sample. */
export type GroundResult =
  | ({ readonly kind: "grounded" } & ScoredPhrase)
  | ({ readonly kind: "dropped" } & Dropped);

/**
 * Grounds a stream of samples, one result a sample and variant, in order. Neighbours
 * that share an image share its trajectory. A sample with something wrong is a
 * result of kind `dropped` and the stream goes on; what is wrong with the model
 * or the options throws.
 *
 * Only a few images are in memory at a time, however many samples come.
 *
 * @param samples What to ground.
 * @param options The model, and how.
 * @throws {TypeError} If there is neither a model nor a bundle.
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
 *   else console.log(result.reason); // there is no xray.png here
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
  return usingModel(options, (model) => groundRequests(source, { ...options, model }));
}

/**
 * Opens the chosen model unless it is open, and closes it again at the end.
 * What is wrong with the choice or the settings throws at once.
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
    });
    try {
      yield* run(opened);
    } finally {
      await opened.close();
      // A device that was opened here, or moved to since, has no other owner.
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
 * The stages from decode to metrics over images with their phrases. Like
 * {@linkcode ground}, for a caller who has images that are not files, or
 * samples that dropped out before.
 *
 * @param source Images with their phrases.
 * @param options How; `done` has the ids of samples that are run again and count as no progress.
 */
export function groundRequests(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: RunOptions & { model: LdmModel; done?: ReadonlySet<string> },
): AsyncIterableIterator<GroundResult> {
  const { model, signal, ending, concurrency = 1, onProgress, onNotice, cache, done } = options;
  const settings = resolveSettings(model, options);
  const { protocols, margin } = options;
  const score: ProtocolOptions = { ...(protocols && { protocols }), ...(margin && { margin }) };
  requireProtocolOptions(score);
  const stop = { ...(signal && { signal }) };
  const size = model.bundle.config.imageSize;

  // Samples that left the stages, and where the image under way stands.
  let left = 0;
  let image = { before: 0, phrases: 0, passes: 0, total: 1 };
  const onPass = (steps: number) => {
    image.passes += steps;
    const { before, phrases, passes, total } = image;
    // An image that begins anew on another device counts its passes twice.
    onProgress?.(Math.max(left, before + phrases * Math.min(1, passes / total)));
  };
  const named = isOfClass(settings.tokens)
    ? requireClassTokens(source, model.bundle.tokenizer, settings, stop)
    : source;
  const images = untilAborted(decode(named, { ...stop, concurrency }), ending);
  const decoded = counting(images, (samples) => {
    const phrases = samples.filter(({ id }) => !done?.has(id)).length;
    image = { before: left, phrases, passes: 0, total: imagePasses(settings, samples.length) };
  });
  const stages = (source: AsyncIterable<Flow<DecodedImage>>, gpu: Gpu | undefined) => {
    const passing = { ...stop, onPass };
    const noisy = cache === undefined
      ? noise(encode(source, model, stop), model, settings, passing)
      : cachedNoise(source, model, settings, cache, { ...passing, ...(onNotice && { onNotice }) });
    const attention = denoise(noisy, model, settings, passing);
    if (gpu) return finishOnGpu(attention, gpu, size, settings, score, stop);
    return metrics(otsu(aggregate(attention, size, settings, stop), stop), score, stop);
  };
  const gpu = options.gpu ?? model.runtime.gpu;
  const scored = gpu
    ? survivingLoss(decoded, model, gpu, stages, onNotice)
    : stages(decoded, undefined);
  const last = settings.variants.at(-1);
  return results(scored, ({ sample, variant }) => {
    if ((variant === undefined || variant === last) && !done?.has(sample.id)) left++;
  });
}

/** Passes of the U-Net, whole or cut, that an image with some phrases takes. */
function imagePasses(settings: ResolvedSettings, phrases: number): number {
  return noisePasses(settings) + phrases * (settings.end - settings.start);
}

/** Ends where the signal was aborted, rather than throwing. */
async function* untilAborted<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<T> {
  for await (const item of source) {
    if (signal?.aborted) return;
    yield item;
  }
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

async function* results(
  source: AsyncIterable<Flow<ScoredPhrase>>,
  onResult: (result: Dropped | ScoredPhrase) => void,
): AsyncIterableIterator<GroundResult> {
  for await (const flow of source) {
    onResult(flow.kind === "dropped" ? flow.dropped : flow.item);
    yield flow.kind === "dropped"
      ? { kind: "dropped", ...flow.dropped }
      : { kind: "grounded", ...flow.item };
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
 * @param options The model, and how.
 * @returns One heatmap a phrase and variant, in order.
 * @throws {Error} If the image cannot be read or a phrase cannot be grounded.
 * @throws {TypeError} If there is neither a model nor a bundle, or no phrase, or if the tokens
 * are those of a class.
 * @throws {RangeError} If an option is out of its range.
 *
 * @example Usage
 * ```ts
 * import { drawPhantom, groundImage, loadBundle } from "../mod.ts";
 *
 * const bundle = await loadBundle("models/demo");
 * const xray = drawPhantom({ seed: 1 }); // or the path of a PNG, JPEG or DICOM file
 * const [effusion] = await groundImage(xray, ["left pleural effusion"], { bundle });
 * console.log(effusion!.heatmap.length, effusion!.size); // size * size values, 0 to 1
 * ```
 */
export async function groundImage(
  image: ImageSource,
  phrases: readonly string[],
  options: GroundImageOptions,
): Promise<ScoredPhrase[]> {
  if (phrases.length === 0) throw new TypeError("Cannot ground an image without a phrase");
  const empty = phrases.findIndex((phrase) => phrase.trim() === "");
  if (empty >= 0) throw new TypeError(`Cannot ground phrase ${empty + 1}: it is empty`);
  if (isOfClass(options.tokens ?? "phrase")) {
    throw new TypeError(
      `Cannot average the tokens of a class ("${options.tokens}"): a phrase by itself has none`,
    );
  }
  // A bad image is found out before the model takes seconds to load.
  const gray = await decodeImage(image);
  const samples = phrases.map((phrase, i) => ({ id: String(i), image: "", phrase, boxes: [] }));
  async function* source() {
    yield await Promise.resolve(item({ image: gray, samples }));
  }
  const results = usingModel(
    options,
    (model) => groundRequests(source(), { ...options, model }),
  );
  const grounded: ScoredPhrase[] = [];
  for await (const result of results) {
    if (result.kind === "dropped") {
      throw new Error(`Cannot ground "${result.sample.phrase}": ${result.reason}`);
    }
    grounded.push(result);
  }
  return grounded;
}
