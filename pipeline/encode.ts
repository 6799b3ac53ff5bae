/**
 * Stage 2: the model's input to the latent.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { DecodedImage } from "./decode.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";

/** An image with its latent. */
export interface EncodedImage extends DecodedImage {
  /** `[channels, side, side]`, scaled. */
  readonly latent: Float32Array;
}

/** Encodes each image with the autoencoder: the mean, never a draw. */
export function encode(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<EncodedImage>> {
  return flatMapFlow(source, async function* (image) {
    yield item({ ...image, latent: await model.encode(image.input) });
  }, options);
}
