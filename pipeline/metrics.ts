/**
 * Stage 7: heatmaps to scores.
 *
 * @module
 */

import { truthOf } from "./decode.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import type { MaskedPhrase } from "./otsu.ts";
import { type AllScores, type ProtocolOptions, scoreByProtocols } from "../scoring/protocols.ts";

/** A phrase with its scores. */
export interface ScoredPhrase extends MaskedPhrase {
  /** Absent if the sample has no ground truth to score against. */
  readonly scores?: AllScores;
}

/** Scores each heatmap against its ground truth on the original image. */
export function metrics(
  source: AsyncIterable<Flow<MaskedPhrase>>,
  score: ProtocolOptions,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  return flatMapFlow(source, "metrics", function* (phrase): Iterable<Flow<ScoredPhrase>> {
    const { heatmap, image, sample, variant } = phrase;
    const truth = truthOf(sample, image);
    try {
      yield item(
        truth === undefined
          ? phrase
          : { ...phrase, scores: scoreByProtocols(heatmap, image.gray, truth, score) },
      );
    } catch (error) {
      yield failed("metrics", sample, error, variant);
    }
  }, options);
}
