/**
 * Stage 2: pixels to the latent.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import type { TensorData } from "../models/runtime/runtime.ts";
import type { DecodedImage } from "./decode.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { preprocess } from "../images/preprocess.ts";
import { preprocessOnGpu } from "../images/preprocess_gpu.ts";

/** An image with its latent. */
export interface EncodedImage extends DecodedImage {
  /** `[channels, side, side]`, scaled; freed once the image is done. */
  readonly latent: TensorData;
}

/**
 * Resizes and crops each image to the model's input, and encodes it with the autoencoder. The
 * latent is the mean of the autoencoder's distribution, never a random draw.
 */
export function encode(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<EncodedImage>> {
  const { bundle: { config: { imageSize } }, runtime: { gpu } } = model;
  return flatMapFlow(source, "encode", async function* (image) {
    let input: TensorData;
    try {
      input = gpu ? preprocessOnGpu(gpu, image.gray, imageSize) : preprocess(image.gray, imageSize);
    } catch (error) {
      for (const sample of image.samples) yield failed("decode", sample, error);
      return;
    }
    const latent = await model.encode(input).finally(() => model.free(input));
    try {
      yield item({ ...image, latent });
    } finally {
      model.free(latent);
    }
  }, options);
}
