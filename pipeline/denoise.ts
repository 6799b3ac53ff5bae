/**
 * Stage 4: noisy latents and phrases to cross-attention maps.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMaps } from "../models/ldm/unet_session.ts";
import { type EncodedPhrase, phraseNotes } from "../models/tokenizer.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import type { NoisyImage, NoisyLatent } from "./noise.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import { type TokenRange, tokenRange } from "./settings/token_range.ts";

/** The maps of one phrase at one or several steps. */
export interface AttentionStep {
  /** The image they were read from. */
  readonly image: NoisyImage;
  /** For each of its phrases the tokens of its maps that count: first and one past the last. */
  readonly ranges: readonly TokenRange[];
  /** Which phrase they were read for. */
  readonly index: number;
  /** The first of their steps, an index into the timesteps. */
  readonly step: number;
  /** How many steps they are: all in the same windows of the variants. */
  readonly count: number;
  /** The chosen layers' maps, in forward order; the next step takes their memory back. */
  readonly maps: readonly AttentionMaps[];
  /** Whether these are the phrase's last. */
  readonly isLast: boolean;
}

/** Options of {@linkcode denoise}. */
export interface DenoiseOptions extends StageOptions {
  /**
   * Told after each pass of the U-Net how many steps it took; what it does is waited for.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void | Promise<void>;
}

/**
 * Runs the U-Net for each phrase at each chosen step, as far as the last
 * chosen cross-attention layer, and passes its maps on as they come.
 */
export function denoise(
  source: AsyncIterable<Flow<NoisyImage>>,
  model: LdmModel,
  settings: ResolvedSettings,
  options: DenoiseOptions = {},
): AsyncIterableIterator<Flow<AttentionStep>> {
  return flatMapFlow(source, async function* (noisy) {
    const { tokenizer } = model.bundle;
    const phrases = noisy.samples.map(({ phrase }) => tokenizer.encode(phrase));
    const image = noteReading(noisy, phrases);
    const batches = batchSteps(image.noisy, model.batch, settings);
    const wanted = phrases.map((phrase, i) =>
      tokenRange(tokenizer, phrase, noisy.samples[i]!.category, settings.tokens)
    );
    // A phrase without tokens has no mean; whoever aggregates it says so.
    const isReduced = !model.runtime.gpu && wanted.every(([start, end]) => start < end);
    const ranges = isReduced ? wanted.map((): TokenRange => [0, 1]) : wanted;
    for (const [index, phrase] of phrases.entries()) {
      const text = await model.condition(phrase);
      const range = isReduced ? wanted[index] : undefined;
      for (const [i, steps] of batches.entries()) {
        options.signal?.throwIfAborted();
        const maps = await model.attend(
          steps.map(({ latent }) => latent),
          steps.map(({ timestep }) => timestep),
          text,
          range,
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

/** The steps that some variant averages, cut where a batch is full or a window begins or ends. */
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

/** The image, with notes on each sample whose phrase the text encoder does not read as it stands. */
function noteReading(image: NoisyImage, phrases: readonly EncodedPhrase[]): NoisyImage {
  const samples = image.samples.map((sample, i) => {
    const notes = phraseNotes(phrases[i]!);
    return notes.length === 0 ? sample : { ...sample, notes: [...sample.notes ?? [], ...notes] };
  });
  return { ...image, samples };
}
