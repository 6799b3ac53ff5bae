/**
 * Stage 3: the latent to noisy latents at the chosen steps. This part does not
 * know the phrase.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { EncodedImage } from "./encode.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { Random } from "./random.ts";
import type { ResolvedSettings } from "./settings.ts";

/** A noisy latent. */
export interface NoisyLatent {
  /** Index into the sequence of timesteps. */
  readonly step: number;
  /** Training timestep. */
  readonly timestep: number;
  /** `[channels, side, side]`. */
  readonly latent: Float32Array;
}

/** An image with its noisy latents. */
export interface NoisyImage extends EncodedImage {
  /** One for each chosen step, in order. */
  readonly noisy: readonly NoisyLatent[];
}

/** Options of {@linkcode noise}. */
export interface NoiseOptions extends StageOptions {
  /**
   * Told after each pass of the U-Net.
   *
   * @default {undefined}
   */
  onPass?: () => void;
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
 * prediction moves the latent (METHOD step 5).
 */
export function noise(
  source: AsyncIterable<Flow<EncodedImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: NoiseOptions = {},
): AsyncIterableIterator<Flow<NoisyImage>> {
  const makers = { inversion: invert, reverse, sample };
  return flatMapFlow(source, async function* (image) {
    const noisy = await makers[settings.noise](image.latent, model, settings, options);
    yield item({ ...image, noisy });
  }, options);
}

/** The U-Net's prediction for the empty phrase, as a function of latent and timestep. */
async function predictor(model: LdmModel, { signal, onPass }: NoiseOptions) {
  const empty = await model.embed(model.bundle.tokenizer.encode(""));
  return async (latent: Float32Array, timestep: number) => {
    signal?.throwIfAborted();
    const prediction = await model.predict(latent, timestep, empty);
    onPass?.();
    return prediction;
  };
}

/** DDIM inversion, clean to noisy. */
async function invert(
  latent: Float32Array,
  model: LdmModel,
  { timesteps, start, end }: ResolvedSettings,
  options: NoiseOptions,
): Promise<NoisyLatent[]> {
  const predict = await predictor(model, options);
  const noisy: NoisyLatent[] = [];
  for (let step = 0; step < end; step++) {
    const timestep = timesteps[step]!;
    if (step >= start) noisy.push({ step, timestep, latent });
    if (step === end - 1) break;
    const prediction = await predict(latent, timestep);
    latent = model.scheduler.step(latent, prediction, timestep, timesteps[step + 1]!);
  }
  return noisy;
}

/** Inversion to the last timestep, then the deterministic way back. */
async function reverse(
  latent: Float32Array,
  model: LdmModel,
  settings: ResolvedSettings,
  options: NoiseOptions,
): Promise<NoisyLatent[]> {
  const { timesteps, start, end } = settings;
  const last = timesteps.length - 1;
  const whole = { ...settings, start: last, end: last + 1 };
  latent = (await invert(latent, model, whole, options))[0]!.latent;
  const predict = await predictor(model, options);
  const noisy: NoisyLatent[] = [];
  for (let step = last; step >= start; step--) {
    const timestep = timesteps[step]!;
    if (step < end) noisy.unshift({ step, timestep, latent });
    if (step === start) break;
    const prediction = await predict(latent, timestep);
    latent = model.scheduler.step(latent, prediction, timestep, timesteps[step - 1]!);
  }
  return noisy;
}

/** Gaussian noise added straight to the latent, the same for every image. */
function sample(
  latent: Float32Array,
  model: LdmModel,
  { timesteps, start, end, seed }: ResolvedSettings,
): NoisyLatent[] {
  const random = new Random(seed);
  return timesteps.slice(start, end).map((timestep, i) => ({
    step: start + i,
    timestep,
    latent: model.scheduler.addNoise(latent, timestep, () => random.normal()),
  }));
}
