/**
 * Stage 3: a latent to noisy latents at the chosen steps. This stage does not depend on the phrase.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { Trunk } from "../models/ldm/unet_session.ts";
import type { TensorData } from "../models/runtime/runtime.ts";
import type { DecodedImage } from "./decode.ts";
import { encode, type EncodedImage } from "./encode.ts";
import { flatMapFlow, type Flow, inStage, item, type StageOptions } from "./flow.ts";
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
  /** The part of the step's pass that no text changes; the reader releases it. */
  readonly trunk?: Trunk;
}

/** An image whose noisy latents are made while they are read. */
export interface NoisingImage extends DecodedImage {
  /** A noisy latent for each chosen step, in ascending or descending order. */
  readonly noisy: Iterable<NoisyLatent> | AsyncIterable<NoisyLatent>;
}

/** An image with its noisy latents. */
export interface NoisyImage extends DecodedImage {
  /** A noisy latent for each chosen step, in ascending order. */
  readonly noisy: readonly NoisyLatent[];
}

/** Options of a stage that runs the U-Net. */
export interface PassOptions extends StageOptions {
  /**
   * Called after each U-Net pass with the number of steps; awaited.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void | Promise<void>;
}

/** Options of {@linkcode noising}. */
export interface NoisingOptions extends PassOptions {
  /**
   * Each latent that had a pass comes with the pass's trunk, so that phrases need not compute it.
   *
   * @default {false}
   */
  keepTrunks?: boolean;
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
  options: PassOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  return collectNoise(noising(source, model, settings, options), options);
}

/** Waits until all noisy latents of an image are made. */
export function collectNoise(
  source: AsyncIterable<Flow<NoisingImage>>,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  return flatMapFlow(source, "noise", async function* (image) {
    yield item({ ...image, noisy: inOrder(await Array.fromAsync(image.noisy)) });
  }, options);
}

function inOrder(noisy: readonly NoisyLatent[]): NoisyLatent[] {
  return noisy.toSorted((one, other) => one.step - other.step);
}

/**
 * As {@linkcode noise}, but each latent is made when it is read. A phrase's pass can so follow the
 * empty phrase's pass at the same step, and share its trunk.
 */
export function noising(
  source: AsyncIterable<Flow<EncodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: NoisingOptions = {},
): AsyncIterableIterator<Flow<NoisingImage>> {
  return flatMapFlow(source, "noise", async function* (image) {
    // The stage `encode` frees the image's own latent.
    const made = new Set<TensorData>();
    const { latent } = image;
    try {
      const noisy = settings.noise === "sample"
        ? sample(latent, model, settings, made)
        : inStage("noise", image, follow(latent, model, settings, made, options));
      yield item({ ...image, noisy });
    } finally {
      for (const latent of made) model.free(latent);
    }
  }, options);
}

/** Options of {@linkcode cachedNoise}. */
export interface CachedNoiseOptions extends NoisingOptions {
  /**
   * Receives one sentence if an entry is corrupt, or cannot be read or written.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
}

/**
 * The stages encode and noise with a cache on disk. Cached latents are read; missing latents are
 * computed, and written once the last of them is read. For a cached image, `onPass` is called once
 * with all its passes.
 *
 * @param folder Folder of the cache.
 */
export async function* cachedNoise(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  folder: string,
  options: CachedNoiseOptions = {},
): AsyncIterableIterator<Flow<NoisingImage>> {
  const cache = await TrajectoryCache.open(folder, options.onNotice);
  const { timesteps, start, end } = settings;
  const { latentLength } = model;
  yield* flatMapFlow(source, "noise", async function* (image): AsyncIterable<Flow<NoisingImage>> {
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
    const written = async function* (noisy: NoisingImage["noisy"]) {
      const all: NoisyLatent[] = [];
      for await (const latent of noisy) {
        all.push(latent);
        if (all.length === end - start) {
          await cache.write(key, await model.readAll(inOrder(all).map(({ latent }) => latent)));
        }
        yield latent;
      }
    };
    for await (const flow of noising(encode(alone, model, options), model, settings, options)) {
      yield flow.kind === "dropped"
        ? flow
        : item({ ...flow.item, noisy: written(flow.item.noisy) });
    }
  }, options);
}

/**
 * Walks from step to step by the empty phrase's prediction, and yields the latent of each chosen
 * step after the pass on it. Latents that are neither chosen nor the last are freed.
 *
 * @param made Receives each new latent that lives on.
 * @returns The last latent of the walk.
 */
async function* walk(
  first: TensorData,
  steps: readonly number[],
  model: LdmModel,
  { timesteps, start, end }: Pick<ResolvedSettings, "timesteps" | "start" | "end">,
  made: Set<TensorData>,
  { signal, onPass, keepTrunks = false }: NoisingOptions,
): AsyncGenerator<NoisyLatent, TensorData> {
  const empty = model.bundle.tokenizer.encode("");
  let latent = first;
  for (const [i, step] of steps.entries()) {
    const [timestep, next] = [timesteps[step]!, steps[i + 1]];
    const passed = latent;
    const isChosen = step >= start && step < end;
    const trunk = isChosen && keepTrunks ? await model.trunk([passed], [timestep]) : undefined;
    let isTaken = false;
    try {
      if (next !== undefined) {
        signal?.throwIfAborted();
        // Phrases that come in between may push the empty phrase out, so ask for it each time.
        const text = await model.condition(empty);
        latent = await model.step(passed, timestep, timesteps[next]!, text, trunk);
        made.add(latent);
        if (!isChosen && made.delete(passed)) model.free(passed);
        await onPass?.(1);
      }
      isTaken = isChosen;
      if (isChosen) yield { step, timestep, latent: passed, ...(trunk && { trunk }) };
    } finally {
      if (!isTaken) trunk?.release();
    }
  }
  return latent;
}

/** Whole numbers between two numbers, up or down, both included. */
function count(from: number, to: number): number[] {
  const direction = Math.sign(to - from);
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => from + i * direction);
}

/** Yields the latents of the chosen steps; the pass after the last chosen step is left out. */
async function* follow(
  latent: TensorData,
  model: LdmModel,
  settings: ResolvedSettings,
  made: Set<TensorData>,
  options: NoisingOptions,
): AsyncGenerator<NoisyLatent> {
  const { noise, timesteps, start, end } = settings;
  if (noise === "inversion") {
    yield* walk(latent, count(0, end - 1), model, settings, made, options);
    return;
  }
  // Inversion to the last timestep, then the deterministic reverse process.
  const last = timesteps.length - 1;
  const none = { timesteps, start: 0, end: 0 };
  const noisiest = yield* walk(latent, count(0, last), model, none, made, options);
  yield* walk(noisiest, count(last, start), model, settings, made, options);
}

/** Distance between the seeds of two steps; larger than any seed in practice. */
const SEED_STRIDE = 1_000_003;

/**
 * Adds Gaussian noise straight to the latent. Each step has its own noise, which is the same for
 * every image and for every choice of steps.
 */
function sample(
  latent: TensorData,
  model: LdmModel,
  { timesteps, start, end, seed }: ResolvedSettings,
  made: Set<TensorData>,
): NoisyLatent[] {
  return count(start, end - 1).map((step) => {
    const random = new Random(seed + step * SEED_STRIDE);
    const timestep = timesteps[step]!;
    const noisy = model.addNoise(latent, timestep, () => random.normal());
    made.add(noisy);
    return { step, timestep, latent: noisy };
  });
}
