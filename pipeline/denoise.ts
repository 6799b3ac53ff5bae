/**
 * Stage 4: noisy latents and phrases to cross-attention maps.
 *
 * @module
 */

import type { Sample } from "../datasets/sample.ts";
import type { LdmModel } from "../models/ldm/model.ts";
import type { AttentionMap } from "../models/ldm/unet_session.ts";
import type { EncodedPhrase } from "../models/tokenizer.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import type { NoisyImage, NoisyLatent } from "./noise.ts";

/** The maps of one phrase at one step. */
export interface AttentionStep {
  /** The image they were read from. */
  readonly image: NoisyImage;
  /** The phrase they were read for. */
  readonly sample: Sample;
  /** The phrase's tokens. */
  readonly phrase: EncodedPhrase;
  /** One map a chosen layer, in forward order. */
  readonly maps: readonly AttentionMap[];
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
    for (const sample of image.samples) {
      const phrase = model.bundle.tokenizer.encode(sample.phrase);
      const context = await model.embed(phrase);
      const attend = async ({ latent, timestep }: NoisyLatent) => {
        options.signal?.throwIfAborted();
        const maps = await model.attend(latent, timestep, context);
        options.onPass?.();
        return maps;
      };
      for (const [i, noisy] of image.noisy.entries()) {
        const maps = await attend(noisy);
        yield item({ image, sample, phrase, maps, isLast: i === image.noisy.length - 1 });
      }
    }
  }, options);
}
