/**
 * Stage 7: heatmaps to scores.
 *
 * @module
 */

import { coverOf } from "../base/geometry.ts";
import { truthOf } from "./decode.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import type { GroundedPhrase } from "./method.ts";
import type { MaskedPhrase } from "./otsu.ts";
import {
  type AllScores,
  placelessTruth,
  type ProtocolOptions,
  scoreByProtocols,
  scoreProtocols,
} from "../scoring/protocols.ts";

/** A phrase with its scores. */
export interface ScoredPhrase extends MaskedPhrase {
  /** Absent if the sample has no ground truth to score against. */
  readonly scores?: AllScores;
}

/** A phrase with a heatmap of the part of its image that the model sees. */
export type Scorable = Pick<
  GroundedPhrase,
  | "heatmap"
  | "smoothed"
  | "range"
  | "threshold"
  | "image"
  | "sample"
  | "variant"
  | "scores"
  | "negative"
>;

/** Scores each heatmap against its ground truth on the original image. */
export function metrics<P extends Scorable>(
  source: AsyncIterable<Flow<P>>,
  score: ProtocolOptions,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<P>> {
  return flatMapFlow(source, "metrics", function* (phrase): Iterable<Flow<P>> {
    const { heatmap, smoothed: raw, range, threshold, image, sample, variant } = phrase;
    const truth = truthOf(sample, image);
    const isMasked = threshold !== undefined;
    const cover = coverOf(image.crop);
    const own = { ...score, cover, raw, isMasked, ...(range && { range }) };
    try {
      if (truth === undefined) {
        const known = placelessTruth(sample.isNegative, sample.isPresent);
        yield item(
          known ? { ...phrase, negative: scoreProtocols(heatmap, image.gray, known, own) } : phrase,
        );
        return;
      }
      const scores = scoreByProtocols(heatmap, image.gray, truth, own);
      yield item({ ...phrase, scores });
    } catch (error) {
      yield failed("metrics", sample, error, variant);
    }
  }, options);
}
