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

/** The maps of one phrase at one step. */
export interface AttentionStep {
  /** The image they were read from. */
  readonly image: NoisyImage;
  /** The tokens of all its phrases. */
  readonly phrases: readonly EncodedPhrase[];
  /** Which of its phrases they were read for. */
  readonly index: number;
  /** The chosen layers' maps, in forward order; the next step takes their memory back. */
  readonly maps: readonly AttentionMaps[];
  /** Whether this is the phrase's last step. */
  readonly isLast: boolean;
}

/** Options of {@linkcode denoise}. */
export interface DenoiseOptions extends StageOptions {
  /**
   * Told after each pass of the U-Net.
   *
   * @default {undefined}
   */
  onPass?: () => void;
}

/**
 * Runs the U-Net for each phrase at each chosen step, as far as the last
 * chosen cross-attention layer, and passes its maps on as they come.
 */
export function denoise(
  source: AsyncIterable<Flow<NoisyImage>>,
  model: LdmModel,
  options: DenoiseOptions = {},
): AsyncIterableIterator<Flow<AttentionStep>> {
  return flatMapFlow(source, async function* (image) {
    const phrases = image.samples.map(({ phrase }) => model.bundle.tokenizer.encode(phrase));
    for (const [index, phrase] of phrases.entries()) {
      const text = await model.condition(phrase);
      for (const [i, { latent, timestep }] of image.noisy.entries()) {
        options.signal?.throwIfAborted();
        const maps = await model.attend(latent, timestep, text);
        try {
          options.onPass?.();
          yield item({ image, phrases, index, maps, isLast: i === image.noisy.length - 1 });
        } finally {
          for (const map of maps) map.release();
        }
      }
    }
  }, options);
}

/** The tokens of a phrase that count: first and one past the last. */
export function tokenRange(
  { length }: EncodedPhrase,
  tokens: ResolvedSettings["tokens"],
): [start: number, end: number] {
  return tokens === "ends" ? [0, length] : [1, length - 1];
}
