/**
 * Stage 4: noisy latents and phrases to cross-attention maps.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMaps } from "../models/ldm/unet_session.ts";
import { type EncodedPhrase, phraseNotes } from "../models/tokenizer.ts";
import { flatMapFlow, type Flow, item, type StageOptions, withNotes } from "./flow.ts";
import type { NoisyImage, NoisyLatent } from "./noise.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import { contentColumn, type TokenRange, tokenRange } from "./settings/token_range.ts";

/** Attention maps of one phrase at one or several steps. */
export interface AttentionStep {
  /** The image of the maps. */
  readonly image: NoisyImage;
  /**
   * For each phrase of the image, the tokens of the maps that count: first and one past the last.
   */
  readonly ranges: readonly TokenRange[];
  /** Index of the maps' phrase among the image's samples. */
  readonly index: number;
  /** First step of the maps, an index into the timesteps. */
  readonly step: number;
  /** Number of steps. Every variant averages either all of these steps or none. */
  readonly count: number;
  /** Maps of the chosen layers, in forward order; valid only until the next item is pulled. */
  readonly maps: readonly AttentionMaps[];
  /** Whether these maps are the phrase's last maps. */
  readonly isLast: boolean;
}

/** Options of {@linkcode denoise}. */
export interface DenoiseOptions extends StageOptions {
  /**
   * Called after each U-Net pass with the number of steps; awaited.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void | Promise<void>;
}

/**
 * Runs the U-Net for each phrase at each chosen step, up to the last chosen cross-attention layer.
 * The maps of each pass go on at once.
 */
export function denoise(
  source: AsyncIterable<Flow<NoisyImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: DenoiseOptions = {},
): AsyncIterableIterator<Flow<AttentionStep>> {
  return flatMapFlow(source, "denoise", async function* (noisy) {
    const { tokenizer } = model.bundle;
    const phrases = noisy.samples.map(({ phrase }) => tokenizer.encode(phrase));
    const { samples } = noisy;
    const content = settings.tokens === "content"
      ? samples.map((sample) => contentColumn(tokenizer, sample))
      : undefined;
    const image = noteReading(noisy, phrases, content);
    const batches = batchSteps(image.noisy, model.batch, settings);
    const wanted = phrases.map((phrase, i) =>
      tokenRange(tokenizer, phrase, samples[i]!.category, settings.tokens)
    );
    // A phrase without tokens has no mean. Keep whole maps, so that `aggregate` reports the error.
    const isReduced = content !== undefined ||
      !model.runtime.gpu && wanted.every(([start, end]) => start < end);
    const ranges = isReduced ? wanted.map((): TokenRange => [0, 1]) : wanted;
    for (const [index, phrase] of phrases.entries()) {
      const text = await model.condition(phrase);
      const columns = content?.[index]?.columns ?? (isReduced ? wanted[index] : undefined);
      for (const [i, steps] of batches.entries()) {
        options.signal?.throwIfAborted();
        const maps = await model.attend(
          steps.map(({ latent }) => latent),
          steps.map(({ timestep }) => timestep),
          text,
          columns,
        );
        try {
          const count = steps.length;
          await options.onPass?.(count);
          const isLast = i === batches.length - 1;
          yield item({ image, ranges, index, step: steps[0]!.step, count, maps, isLast });
        } finally {
          for (const map of maps) map.release();
        }
      }
    }
  }, options);
}

/**
 * Groups the steps that some variant averages. A group ends when the batch is full, or where a
 * variant's window begins or ends.
 */
function batchSteps(
  noisy: readonly NoisyLatent[],
  batch: number,
  { variants }: ResolvedSettings,
): NoisyLatent[][] {
  const edges = new Set(variants.flatMap(({ start, end }) => [start, end]));
  const batches: NoisyLatent[][] = [];
  for (const latent of noisy) {
    const { step } = latent;
    if (!variants.some(({ start, end }) => step >= start && step < end)) continue;
    const last = batches.at(-1);
    if (last && last.length < batch && !edges.has(step)) last.push(latent);
    else batches.push([latent]);
  }
  return batches;
}

/**
 * The image with notes on samples, if the text encoder does not read their phrase as written, or
 * only some words count.
 */
function noteReading(
  image: NoisyImage,
  phrases: readonly EncodedPhrase[],
  content: readonly { readonly notes: readonly string[] }[] | undefined,
): NoisyImage {
  const samples = image.samples.map((sample, i) =>
    withNotes(sample, [...phraseNotes(phrases[i]!), ...content?.[i]?.notes ?? []])
  );
  return { ...image, samples };
}
