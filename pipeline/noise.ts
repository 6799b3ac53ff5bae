/**
 * Stage 3: the latent to noisy latents at the chosen steps. This part does not
 * know the phrase.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { Values } from "../models/runtime/runtime.ts";
import type { DecodedImage } from "./decode.ts";
import { encode, type EncodedImage } from "./encode.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { Random } from "../base/random.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import { TrajectoryCache } from "./trajectory_cache.ts";

/** A noisy latent. */
export interface NoisyLatent {
  /** Index into the sequence of timesteps. */
  readonly step: number;
  /** Training timestep. */
  readonly timestep: number;
  /** `[channels, side, side]`; freed once the image is done. */
  readonly latent: Values;
}

/** An image with its noisy latents. */
export interface NoisyImage extends DecodedImage {
  /** One for each chosen step, in order. */
  readonly noisy: readonly NoisyLatent[];
}

/** Options of {@linkcode noise}. */
export interface NoiseOptions extends StageOptions {
  /**
   * Told after each pass of the U-Net how many steps it took; what it does is waited for.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void | Promise<void>;
}

/** How many passes of the U-Net {@linkcode noise} takes for an image. */
export function noisePasses({ noise, start, end, timesteps }: ResolvedSettings): number {
  if (noise === "sample") return 0;
  if (noise === "inversion") return end - 1;
  return timesteps.length - 1 + timesteps.length - 1 - start;
}

/**
 * Brings each image's latent to the chosen steps and stops at the last of
 * them. Guidance is 0 in the released code, so that only the empty phrase's
 * prediction moves the latent (docs/method.md, step 5).
 */
export function noise(
  source: AsyncIterable<Flow<EncodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: NoiseOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  const makers = { inversion: invert, reverse, sample };
  return flatMapFlow(source, async function* (image) {
    const noisy: NoisyLatent[] = [];
    try {
      await makers[settings.noise](image.latent, model, settings, noisy, options);
      noisy.sort((one, other) => one.step - other.step);
      yield item({ ...image, noisy });
    } finally {
      // The image's own latent is its encoder's to free.
      for (const { latent } of noisy) if (latent !== image.latent) model.free(latent);
    }
  }, options);
}

/** Options of {@linkcode cachedNoise}. */
export interface CachedNoiseOptions extends NoiseOptions {
  /**
   * Told in a sentence of an entry that is corrupt, or cannot be written.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
}

/**
 * The stages encode and noise for images of which the noisy latents may be on
 * disk already; those that are not are put there.
 *
 * @param folder Where they are.
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
  yield* flatMapFlow(source, async function* (image) {
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

/** The step that the empty phrase makes, as a function of latent and timesteps. */
async function stepper(model: LdmModel, { signal, onPass }: NoiseOptions) {
  const empty = await model.condition(model.bundle.tokenizer.encode(""));
  return async (latent: Values, from: number, to: number) => {
    signal?.throwIfAborted();
    const next = await model.step(latent, from, to, empty);
    await onPass?.(1);
    return next;
  };
}

/**
 * Walks from step to step and keeps the latents of the chosen ones; those that
 * it passes by are freed.
 */
async function walk(
  latent: Values,
  steps: Iterable<number>,
  model: LdmModel,
  { timesteps, start, end }: ResolvedSettings,
  noisy: NoisyLatent[],
  options: NoiseOptions,
): Promise<Values> {
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

/** Numbers from one to another, up or down, both included. */
function* count(from: number, to: number): Iterable<number> {
  const direction = Math.sign(to - from) || 1;
  for (let i = from; i !== to + direction; i += direction) yield i;
}

/** DDIM inversion, clean to noisy. */
async function invert(
  latent: Values,
  model: LdmModel,
  settings: ResolvedSettings,
  noisy: NoisyLatent[],
  options: NoiseOptions,
): Promise<void> {
  await walk(latent, count(0, settings.end - 1), model, settings, noisy, options);
}

/** Between the seeds of two steps: more than anyone counts seeds up to. */
const SEED_STRIDE = 1_000_003;

/** Inversion to the last timestep, then the deterministic way back. */
async function reverse(
  latent: Values,
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
 * Gaussian noise added straight to the latent: at each step of its own, the same
 * for every image and whichever other steps are chosen.
 */
function sample(
  latent: Values,
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
