import type { View } from "../base/geometry.ts";
import type { Sample } from "../datasets/sample.ts";
import type { GridHeatmap, GridModel } from "../models/grid_model.ts";
import { decode, type DecodedImage } from "../pipeline/decode.ts";
import {
  countSamples,
  failed,
  flatMapFlow,
  type Flow,
  item,
  type StageOptions,
} from "../pipeline/flow.ts";
import { askModel } from "./_ask_model.ts";
import { finishGrid } from "./grid_heatmap.ts";
import type { GroundedPhrase, Method } from "../pipeline/method.ts";
import { metrics } from "../pipeline/metrics.ts";
import { requireProtocolOptions } from "../scoring/protocols.ts";

/**
 * Turns a model with heatmaps on its own grid into a method; it replaces all stages from the latent
 * to the mask. A sample fails if the model refuses its phrase or image. An error of the model or its
 * runtime throws.
 *
 * @param model An open model; the method's `close()` closes it.
 */
export function gridMethod(model: GridModel): Method {
  const { view } = model;
  return {
    ground(source, options = {}) {
      requireProtocolOptions(options);
      const grids = groundGrids(decode(source, { ...options, view }), model, options);
      const scored = metrics(grids, options, options);
      return countSamples(scored, options.done, (count) => options.onProgress?.(count));
    },
    close: async () => await model.close?.(),
  };
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
  view: View,
): GroundedPhrase {
  const { side: size, values } = grid;
  const layers = [{ layer: 0, side: size, data: values }];
  const found = { image, sample, size, layers, view, originalBox: undefined };
  return { ...finishGrid(grid), ...found };
}

/** Runs the model on all phrases of an image, and finishes its grids. */
function groundGrids(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: GridModel,
  options: StageOptions,
): AsyncIterableIterator<Flow<GroundedPhrase>> {
  const { view } = model;
  return flatMapFlow(source, "ground", async function* (image) {
    for await (const flow of askModel(model, image, options)) {
      if (flow.kind === "dropped") {
        yield flow;
        continue;
      }
      const { sample, answer: grid } = flow.item;
      try {
        yield item(toGrounded(image, sample, grid, view));
      } catch (error) {
        yield failed("metrics", sample, error);
      }
    }
  }, options);
}
