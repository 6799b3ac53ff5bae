/**
 * Stage 5: cross-attention maps to one smooth heatmap a phrase.
 *
 * @module
 */

import type { Sample } from "../datasets/sample.ts";
import { AttentionAccumulator } from "../shaders/aggregate_cpu.ts";
import type { DecodedImage } from "./decode.ts";
import type { AttentionStep } from "./denoise.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { smoothAttention, type SmoothHeatmap } from "./postprocess.ts";
import type { ResolvedSettings } from "./settings.ts";

/** A phrase with its heatmap before the threshold. */
export interface AggregatedPhrase extends SmoothHeatmap {
  /** The image. */
  readonly image: DecodedImage;
  /** The phrase. */
  readonly sample: Sample;
  /** Side of the heatmap in pixels. */
  readonly size: number;
}

/** One running sum a layer. */
type Sums = Map<number, AttentionAccumulator>;

/**
 * Averages attention over tokens, steps and layers as it comes (METHOD steps 8
 * and 9): what is kept is one small sum a layer, however many steps there are.
 *
 * @param source Maps, those of one phrase in a row.
 * @param size Side of the heatmap in pixels.
 */
export function aggregate(
  source: AsyncIterable<Flow<AttentionStep>>,
  size: number,
  settings: ResolvedSettings,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<AggregatedPhrase>> {
  let sums: Sums = new Map();
  let failure: unknown;
  return flatMapFlow(source, function* ({ image, ranges, index, count, maps, isLast }) {
    const sample = image.samples[index]!;
    const [tokenStart, tokenEnd] = ranges[index]!;
    try {
      if (failure === undefined) {
        for (const { layers, data, positions, tokens } of maps) {
          layers.forEach((layer, i) => {
            const sum = sums.get(layer) ?? new AttentionAccumulator(positions);
            sums.set(layer, sum);
            const length = positions * tokens;
            for (let step = 0; step < count; step++) {
              const start = (step * layers.length + i) * length;
              const map = (data as Float32Array).subarray(start, start + length);
              sum.add(map, { tokens, tokenStart, tokenEnd });
            }
          });
        }
      }
      if (!isLast) return;
      if (failure !== undefined) throw failure;
      const means = [...sums.values()].map((sum) => ({ data: sum.mean(), side: sum.side }));
      const { sigma } = settings;
      yield item({ image, sample, size, ...smoothAttention(means, { size, sigma }) });
    } catch (error) {
      // The phrase's remaining maps still come; it fails once, at the last of them.
      failure = error;
      if (isLast) yield failed("aggregate", sample, error);
    } finally {
      if (isLast) [sums, failure] = [new Map(), undefined];
    }
  }, options);
}
