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
import { type AllScores, type ProtocolOptions, scoreByProtocols } from "../scoring/protocols.ts";

/** A phrase with its scores. */
export interface ScoredPhrase extends MaskedPhrase {
  /** Absent if the sample has no ground truth to score against. */
  readonly scores?: AllScores;
}

/** A phrase with a heatmap of the part of its image that the model sees. */
export type Scorable = Pick<GroundedPhrase, "heatmap" | "image" | "sample" | "variant" | "scores">;

/** Scores each heatmap against its ground truth on the original image. */
export function metrics<P extends Scorable>(
  source: AsyncIterable<Flow<P>>,
  score: ProtocolOptions,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<P>> {
  return flatMapFlow(source, "metrics", function* (phrase): Iterable<Flow<P>> {
    const { heatmap, image, sample, variant } = phrase;
    const truth = truthOf(sample, image);
    try {
      if (truth === undefined) {
        yield item(phrase);
        return;
      }
      const cover = coverOf(image.crop);
      const scores = scoreByProtocols(heatmap, image.gray, truth, { ...score, cover });
      yield item({ ...phrase, scores });
    } catch (error) {
      yield failed("metrics", sample, error, variant);
    }
  }, options);
}
