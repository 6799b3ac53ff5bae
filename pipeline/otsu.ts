/**
 * Stage 6: a heatmap to its mask.
 *
 * @module
 */

import { type Box, toOriginal } from "../base/geometry.ts";
import type { AggregatedPhrase } from "./aggregate.ts";
import { flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { type MaskedHeatmap, maskHeatmap } from "./postprocess.ts";

/** A phrase with its finished heatmap. */
export interface MaskedPhrase extends AggregatedPhrase, MaskedHeatmap {
  /** Box around the mask in pixels of the original image; `undefined` without Otsu or a mask. */
  readonly originalBox: Box | undefined;
}

/**
 * Sets values up to Otsu's threshold to 0, unless the variant goes without Otsu (docs/method.md,
 * step 10).
 */
export function otsu(
  source: AsyncIterable<Flow<AggregatedPhrase>>,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<MaskedPhrase>> {
  return flatMapFlow(source, "otsu", function* (phrase) {
    const { size, image, variant } = phrase;
    const masked = maskHeatmap(phrase, size, variant.otsu);
    const originalBox = masked.box && toOriginal(masked.box, size, image.crop);
    yield item({ ...phrase, ...masked, originalBox });
  }, options);
}
