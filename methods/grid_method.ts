/**
 * A model with heatmaps on its own grid, as a method. The model replaces all stages from the latent
 * to the mask.
 *
 * @module
 */

import { isInputError } from "../base/errors.ts";
import type { CenterCrop } from "../base/geometry.ts";
import type { Sample } from "../datasets/sample.ts";
import type { GridHeatmap, GridModel } from "../models/grid_model.ts";
import { decode, type DecodedImage, truthOf } from "../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  type StageOptions,
  withNotes,
} from "../pipeline/flow.ts";
import { finishGrid } from "./grid_heatmap.ts";
import type { GroundedPhrase, Method, MethodOptions } from "../pipeline/method.ts";
import { requireProtocolOptions, scoreByProtocols } from "../scoring/protocols.ts";

/**
 * Turns a model into a method. A sample fails if the model refuses its phrase or image. An error of
 * the model or its runtime throws.
 *
 * @param model An open model; the method's `close()` closes it.
 */
export function gridMethod(model: GridModel): Method {
  const { view } = model;
  return {
    ground(source, options = {}) {
      requireProtocolOptions(options);
      const grids = groundGrids(decode(source, { ...options, view }), model, options);
      const scored = scoreGrids(grids, options);
      return countSamples(scored, options.done, (count) => options.onProgress?.(count));
    },
    close: async () => await model.close?.(),
  };
}

/** Scores heatmaps against the boxes or masks of their samples. */
export function scoreGrids(
  source: AsyncIterable<Flow<GroundedPhrase>>,
  options: MethodOptions,
): AsyncIterableIterator<Flow<GroundedPhrase>> {
  return flatMapFlow(source, "metrics", function* (found): Iterable<Flow<GroundedPhrase>> {
    const { heatmap, image: { gray, crop: { side: cover } }, sample } = found;
    const truth = truthOf(sample, found.image);
    try {
      yield item(
        truth === undefined ? found : {
          ...found,
          scores: scoreByProtocols(heatmap, gray, truth, { ...options, cover }),
        },
      );
    } catch (error) {
      yield failed("metrics", sample, error);
    }
  }, options);
}

/**
 * Makes the result of a sample from its grid.
 *
 * @throws {RangeError} As {@linkcode finishGrid}.
 */
export function toGrounded(
  image: DecodedImage,
  sample: Sample,
  grid: GridHeatmap,
  view: CenterCrop,
): GroundedPhrase {
  const { side: size, values } = grid;
  const layers = [{ layer: 0, side: size, data: values }];
  const found = { image, sample, size, layers, view, originalBox: undefined };
  return { ...finishGrid(grid), ...found };
}

/** Runs the model on all phrases of an image at once. */
function groundGrids(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: GridModel,
  options: StageOptions,
): AsyncIterableIterator<Flow<GroundedPhrase>> {
  const { view } = model;
  return flatMapFlow(source, "ground", async function* (image) {
    const phrases = image.samples.map(({ phrase }) => phrase);
    const grids = await askFor(model, image, phrases, options);
    // Ask again for each phrase alone: one bad phrase must not cost the image its other phrases.
    const isEach = grids instanceof Error && phrases.length > 1;
    for (const [i, asked] of image.samples.entries()) {
      const answer = isEach ? await askFor(model, image, [asked.phrase], options) : grids;
      if (answer instanceof Error) {
        yield failed("ground", asked, answer);
        continue;
      }
      const sample = withNotes(asked, model.notes?.(asked.phrase) ?? []);
      try {
        yield item(toGrounded(image, sample, answer[isEach ? 0 : i]!, view));
      } catch (error) {
        yield failed("metrics", sample, error);
      }
    }
  }, options);
}

/**
 * Asks a model for heatmaps.
 *
 * @returns The heatmaps, or the error if the model refuses the image or a phrase.
 * @throws {Error} If the model or its runtime fails.
 */
async function askFor(
  model: GridModel,
  { gray }: DecodedImage,
  phrases: readonly string[],
  options: StageOptions,
): Promise<readonly GridHeatmap[] | Error> {
  try {
    return await model.ground(gray, phrases, options);
  } catch (error) {
    if (isInputError(error)) return error;
    throw error;
  }
}
