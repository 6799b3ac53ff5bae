/**
 * Stage 6: a heatmap to its mask.
 *
 * @module
 */

import type { AggregatedPhrase } from "./aggregate.ts";
import { type Flow, flatMapFlow, item, type StageOptions } from "./flow.ts";
import { maskHeatmap, type MaskedHeatmap } from "./postprocess.ts";
import type { ResolvedSettings } from "./settings.ts";

/** A phrase with its finished heatmap. */
export interface MaskedPhrase extends AggregatedPhrase, MaskedHeatmap {}

/** Sets what is not above Otsu's threshold to 0, unless the settings say not to (METHOD step 10). */
export function otsu(
  source: AsyncIterable<Flow<AggregatedPhrase>>,
  settings: ResolvedSettings,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<MaskedPhrase>> {
  return flatMapFlow(source, function* (phrase) {
    const { normalised, size } = phrase;
    yield item({ ...phrase, ...maskHeatmap(normalised, size, settings.otsu) });
  }, options);
}
