/**
 * Stage 3: a latent to noisy latents at the chosen steps. This stage does not depend on the phrase.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { TensorData } from "../models/runtime/runtime.ts";
import type { DecodedImage } from "./decode.ts";
import { encode, type EncodedImage } from "./encode.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { Random } from "../base/random.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import { TrajectoryCache } from "./trajectory_cache.ts";

export interface NoisyLatent {
  /** Index into the sequence of timesteps. */
  readonly step: number;
  /** Training timestep. */
  readonly timestep: number;
  /** `[channels, side, side]`; freed once the image is done. */
  readonly latent: TensorData;
}

/** An image with its noisy latents. */
export interface NoisyImage extends DecodedImage {
  /** One noisy latent for each chosen step, in order. */
  readonly noisy: readonly NoisyLatent[];
}

/** Options of {@linkcode noise}. */
export interface NoiseOptions extends StageOptions {
  /**
   * Called after each U-Net pass with the number of steps; awaited.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void | Promise<void>;
}

/** Number of U-Net passes that {@linkcode noise} takes for one image. */
export function noisePasses({ noise, start, end, timesteps }: ResolvedSettings): number {
  if (noise === "sample") return 0;
  if (noise === "inversion") return end - 1;
  return timesteps.length - 1 + timesteps.length - 1 - start;
}

/**
 * Brings each image's latent to the chosen steps. The released code sets guidance to 0, so only the
 * empty phrase's prediction moves the latent (docs/method.md, step 5).
 */
export function noise(
  source: AsyncIterable<Flow<EncodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: NoiseOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  const makers = { inversion: invert, reverse, sample };
  return flatMapFlow(source, "noise", async function* (image) {
    const noisy: NoisyLatent[] = [];
    try {
      await makers[settings.noise](image.latent, model, settings, noisy, options);
      noisy.sort((one, other) => one.step - other.step);
      yield item({ ...image, noisy });
    } finally {
      // The stage `encode` frees the image's own latent.
      for (const { latent } of noisy) if (latent !== image.latent) model.free(latent);
    }
  }, options);
}

/** Options of {@linkcode cachedNoise}. */
export interface CachedNoiseOptions extends NoiseOptions {
  /**
   * Receives one sentence if an entry is corrupt, or cannot be read or written.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
}

/**
 * The stages encode and noise with a cache on disk. Cached latents are read; missing latents are
 * computed and written. For a cached image, `onPass` is called once with all its passes.
 *
 * @param folder Folder of the cache.
 */
export async function* cachedNoise(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  folder: string,
  options: CachedNoiseOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  const cache = await TrajectoryCache.open(folder, options.onNotice);
  const { timesteps, start, end } = settings;
  const { latentLength } = model;
  yield* flatMapFlow(source, "noise", async function* (image) {
    const key = await cache.key(image.gray, model, settings);
    const known = await cache.read(key, (end - start) * latentLength);
    if (known) {
      await options.onPass?.(noisePasses(settings));
      const noisy = Array.from({ length: end - start }, (_, i): NoisyLatent => ({
        step: start + i,
        timestep: timesteps[start + i]!,
        latent: known.subarray(i * latentLength, (i + 1) * latentLength),
      }));
      yield item({ ...image, noisy });
      return;
    }
    const alone = (async function* () {
      yield await Promise.resolve(item(image));
    })();
    for await (const flow of noise(encode(alone, model, options), model, settings, options)) {
      if (flow.kind === "item") {
        const latents = flow.item.noisy.map(({ latent }) => latent);
        await cache.write(key, await model.readAll(latents));
      }
      yield flow;
    }
  }, options);
}

/** Returns a function that moves a latent between timesteps by the empty phrase's prediction. */
async function stepper(model: LdmModel, { signal, onPass }: NoiseOptions) {
  const empty = await model.condition(model.bundle.tokenizer.encode(""));
  return async (latent: TensorData, from: number, to: number) => {
    signal?.throwIfAborted();
    const next = await model.step(latent, from, to, empty);
    await onPass?.(1);
    return next;
  };
}

/**
 * Walks from step to step, and adds the latents of the chosen steps to `noisy`. Latents of other
 * steps are freed, except the first and the last latent of the walk.
 *
 * @returns The last latent of the walk.
 */
async function walk(
  latent: TensorData,
  steps: Iterable<number>,
  model: LdmModel,
  { timesteps, start, end }: ResolvedSettings,
  noisy: NoisyLatent[],
  options: NoiseOptions,
): Promise<TensorData> {
  const take = await stepper(model, options);
  const first = latent;
  let from: number | undefined;
  for (const step of steps) {
    if (from !== undefined) {
      const passed = latent;
      const isKept = passed === first || noisy.some(({ latent }) => latent === passed);
      try {
        latent = await take(passed, timesteps[from]!, timesteps[step]!);
      } finally {
        if (!isKept) model.free(passed);
      }
    }
    if (step >= start && step < end) noisy.push({ step, timestep: timesteps[step]!, latent });
    from = step;
  }
  return latent;
}

/** Whole numbers between two numbers, up or down, both included. */
function* count(from: number, to: number): Iterable<number> {
  const direction = Math.sign(to - from) || 1;
  for (let i = from; i !== to + direction; i += direction) yield i;
}

/** DDIM inversion from clean to noisy, up to the last chosen step. */
async function invert(
  latent: TensorData,
  model: LdmModel,
  settings: ResolvedSettings,
  noisy: NoisyLatent[],
  options: NoiseOptions,
): Promise<void> {
  await walk(latent, count(0, settings.end - 1), model, settings, noisy, options);
}

/** Distance between the seeds of two steps; larger than any seed in practice. */
const SEED_STRIDE = 1_000_003;

/** Inversion to the last timestep, then the deterministic reverse process. */
async function reverse(
  latent: TensorData,
  model: LdmModel,
  settings: ResolvedSettings,
  noisy: NoisyLatent[],
  options: NoiseOptions,
): Promise<void> {
  const last = settings.timesteps.length - 1;
  const none = { ...settings, start: 0, end: 0 };
  const noise = await walk(latent, count(0, last), model, none, [], options);
  try {
    await walk(noise, count(last, settings.start), model, settings, noisy, options);
  } finally {
    const isKept = noise === latent || noisy.some(({ latent }) => latent === noise);
    if (!isKept) model.free(noise);
  }
}

/**
 * Adds Gaussian noise straight to the latent. Each step has its own noise, which is the same for
 * every image and for every choice of steps.
 */
function sample(
  latent: TensorData,
  model: LdmModel,
  { timesteps, start, end, seed }: ResolvedSettings,
  noisy: NoisyLatent[],
): void {
  for (let step = start; step < end; step++) {
    const random = new Random(seed + step * SEED_STRIDE);
    const timestep = timesteps[step]!;
    noisy.push({ step, timestep, latent: model.addNoise(latent, timestep, () => random.normal()) });
  }
}
