/**
 * Stage 4: noisy latents and phrases to cross-attention maps.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMaps } from "../models/ldm/unet_session.ts";
import { type EncodedPhrase, phraseNotes } from "../models/tokenizer.ts";
import type { DecodedImage } from "./decode.ts";
import { flatMapFlow, type Flow, item, withNotes } from "./flow.ts";
import type { NoisingImage, NoisyLatent, PassOptions } from "./noise.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import { contentColumn, type TokenRange, tokenRange } from "./settings/token_range.ts";

/** Attention maps of one phrase at one or several steps. */
export interface AttentionStep {
  /** The image of the maps, the same object for all its maps. */
  readonly image: DecodedImage;
  /**
   * For each phrase of the image, the tokens of the maps that count: first and one past the last.
   */
  readonly ranges: readonly TokenRange[];
  /** Index of the maps' phrase among the image's samples. */
  readonly index: number;
  /** Step of one of the maps, an index into the timesteps. */
  readonly step: number;
  /** Number of steps. Every variant averages either all of these steps or none. */
  readonly count: number;
  /** Maps of the chosen layers, in forward order; valid only until the next item is pulled. */
  readonly maps: readonly AttentionMaps[];
  /** Whether these maps are the phrase's last maps. */
  readonly isLast: boolean;
}

/**
 * Runs the U-Net for each phrase at each chosen step, up to the last chosen cross-attention layer.
 * The maps of each pass go on at once.
 *
 * All phrases of an image go through a batch of steps before the next batch. The part of the passes
 * that no text changes is so computed once for all phrases, and memory holds it for one batch.
 */
export function denoise(
  source: AsyncIterable<Flow<NoisingImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: PassOptions = {},
): AsyncIterableIterator<Flow<AttentionStep>> {
  return flatMapFlow(source, "denoise", async function* (noising) {
    const { tokenizer } = model.bundle;
    const { samples } = noising;
    const phrases = samples.map(({ phrase }) => tokenizer.encode(phrase));
    const empty = tokenizer.encode("");
    const content = settings.tokens === "content"
      ? samples.map((sample) => contentColumn(tokenizer, sample))
      : undefined;
    const image = noteReading(noising, phrases, content);
    const wanted = phrases.map((phrase, i) =>
      tokenRange(tokenizer, phrase, samples[i]!.category, settings.tokens)
    );
    // A phrase without tokens has no mean. Keep whole maps, so that `aggregate` reports the error.
    const isReduced = content !== undefined ||
      !model.runtime.gpu && wanted.every(([start, end]) => start < end);
    const ranges = isReduced ? wanted.map((): TokenRange => [0, 1]) : wanted;
    let left = averagedSteps(settings).length;
    for await (const steps of batchSteps(noising.noisy, model.batch, settings)) {
      const count = steps.length;
      left -= count;
      const latents = steps.map(({ latent }) => latent);
      const timesteps = steps.map(({ timestep }) => timestep);
      const made = steps.flatMap(({ trunk }) => trunk ?? []);
      const trunk = made.length === count
        ? model.joinTrunks(made)
        : await model.trunk(latents, timesteps);
      try {
        for (const [index, phrase] of phrases.entries()) {
          options.signal?.throwIfAborted();
          const isEmpty = samples[index]!.control === "empty";
          const text = await model.condition(isEmpty ? empty : phrase, phrases.length + 2);
          const columns = content?.[index]?.columns ?? (isReduced ? wanted[index] : undefined);
          const maps = await model.attend(latents, timesteps, text, columns, trunk);
          try {
            await options.onPass?.(count);
            yield item({
              ...{ image, ranges, index, step: steps[0]!.step, count, maps },
              isLast: left === 0,
            });
          } finally {
            for (const map of maps) map.release();
          }
        }
      } finally {
        trunk.release();
      }
    }
  }, options);
}

/** The chosen steps that some variant averages. */
function averagedSteps({ start, end, variants }: ResolvedSettings): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
    .filter((step) => variants.some(({ start, end }) => step >= start && step < end));
}

/**
 * Groups the steps that some variant averages. A group ends when the batch is full, or where a
 * variant's window begins or ends. The reader of a group releases its trunks.
 */
async function* batchSteps(
  noisy: NoisingImage["noisy"],
  batch: number,
  settings: ResolvedSettings,
): AsyncIterableIterator<NoisyLatent[]> {
  const averaged = new Set(averagedSteps(settings));
  const edges = new Set(settings.variants.flatMap(({ start, end }) => [start, end]));
  const steps: NoisyLatent[] = [];
  const take = () => steps.splice(0);
  try {
    for await (const latent of noisy) {
      if (!averaged.has(latent.step)) {
        latent.trunk?.release();
        continue;
      }
      const before = steps.at(-1);
      if (before && edges.has(Math.max(before.step, latent.step))) yield take();
      steps.push(latent);
      if (steps.length === batch) yield take();
    }
    if (steps.length > 0) yield take();
  } finally {
    for (const { trunk } of steps) trunk?.release();
  }
}

/**
 * The image with notes on samples, if the text encoder does not read their phrase as written, or
 * only some words count.
 */
function noteReading(
  image: DecodedImage,
  phrases: readonly EncodedPhrase[],
  content: readonly { readonly notes: readonly string[] }[] | undefined,
): DecodedImage {
  const samples = image.samples.map((sample, i) =>
    withNotes(sample, [...phraseNotes(phrases[i]!), ...content?.[i]?.notes ?? []])
  );
  return { ...image, samples };
}
