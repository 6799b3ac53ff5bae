/**
 * Stage 4: noisy latents and phrases to cross-attention maps.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMaps } from "../models/ldm/unet_session.ts";
import type { EncodedPhrase } from "../models/tokenizer.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import type { NoisyImage } from "./noise.ts";
import type { ResolvedSettings } from "./settings.ts";

/** The maps of one phrase at one or several steps. */
export interface AttentionStep {
  /** The image they were read from. */
  readonly image: NoisyImage;
  /** For each of its phrases the tokens of its maps that count: first and one past the last. */
  readonly ranges: readonly TokenRange[];
  /** Which phrase they were read for. */
  readonly index: number;
  /** How many steps they are. */
  readonly count: number;
  /** The chosen layers' maps, in forward order; the next step takes their memory back. */
  readonly maps: readonly AttentionMaps[];
  /** Whether these are the phrase's last. */
  readonly isLast: boolean;
}

/** First token and one past the last. */
export type TokenRange = readonly [start: number, end: number];

/** Options of {@linkcode denoise}. */
export interface DenoiseOptions extends StageOptions {
  /**
   * Told after each pass of the U-Net how many steps it took.
   *
   * @default {undefined}
   */
  onPass?: (steps: number) => void;
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
  return flatMapFlow(source, async function* (image) {
    const phrases = image.samples.map(({ phrase }) => model.bundle.tokenizer.encode(phrase));
    const { batch, runtime } = model;
    const wanted = phrases.map((phrase) => tokenRange(phrase, settings.tokens));
    // A phrase without tokens has no mean; whoever aggregates it says so.
    const isReduced = !runtime.gpu && wanted.every(([start, end]) => start < end);
    const ranges = isReduced ? wanted.map((): TokenRange => [0, 1]) : wanted;
    for (const [index, phrase] of phrases.entries()) {
      const text = await model.condition(phrase);
      const range = isReduced ? wanted[index] : undefined;
      for (let start = 0; start < image.noisy.length; start += batch) {
        options.signal?.throwIfAborted();
        const steps = image.noisy.slice(start, start + batch);
        const maps = await model.attend(
          steps.map(({ latent }) => latent),
          steps.map(({ timestep }) => timestep),
          text,
          range,
        );
        try {
          const count = steps.length;
          options.onPass?.(count);
          const isLast = start + count === image.noisy.length;
          yield item({ image, ranges, index, count, maps, isLast });
        } finally {
          for (const map of maps) map.release();
        }
      }
    }
  }, options);
}

/** The tokens of a phrase that count: first and one past the last. */
function tokenRange(
  { length }: EncodedPhrase,
  tokens: ResolvedSettings["tokens"],
): TokenRange {
  return tokens === "ends" ? [0, length] : [1, length - 1];
}
