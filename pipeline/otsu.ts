/**
 * Stage 6: a heatmap to its mask.
 *
 * @module
 */

import type { Box } from "../datasets/sample.ts";
import type { AggregatedPhrase } from "./aggregate.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { type MaskedHeatmap, maskHeatmap } from "./postprocess.ts";
import type { CropRegion } from "./preprocess.ts";

/** A phrase with its finished heatmap. */
export interface MaskedPhrase extends AggregatedPhrase, MaskedHeatmap {
  /** The box around the mask in pixels of the original image; `undefined` without Otsu or mask. */
  readonly originalBox: Box | undefined;
}

/** A box of the heatmap, in pixels of the original image. */
export function toOriginal(
  [x, y, width, height]: Box,
  size: number,
  { x: left, y: top, side }: CropRegion,
): Box {
  // Pixel i of the crop shows heatmap pixel floor(i * size / side).
  const edge = (position: number) => Math.ceil(position * side / size);
  return [
    left + edge(x),
    top + edge(y),
    edge(x + width) - edge(x),
    edge(y + height) - edge(y),
  ];
}

/** Sets what is not above Otsu's threshold to 0, unless its variant says not to (METHOD step 10). */
export function otsu(
  source: AsyncIterable<Flow<AggregatedPhrase>>,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<MaskedPhrase>> {
  return flatMapFlow(source, function* (phrase) {
    const { size, image, variant } = phrase;
    const masked = maskHeatmap(phrase, size, variant.otsu);
    const originalBox = masked.box && toOriginal(masked.box, size, image.crop);
    yield item({ ...phrase, ...masked, originalBox });
  }, options);
}
