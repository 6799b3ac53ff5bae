/**
 * Stage 5: cross-attention maps to one smooth heatmap per phrase and variant.
 *
 * @module
 */

import type { Sample } from "../datasets/sample.ts";
import { AttentionAccumulator } from "../shaders/aggregate_cpu.ts";
import type { DecodedImage } from "./decode.ts";
import type { AttentionStep } from "./denoise.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { type AveragedLayer, smoothAttention, type SmoothHeatmap } from "./postprocess.ts";
import type { ResolvedSettings } from "./settings/settings.ts";
import type { Variant } from "./settings/variants.ts";

/** A phrase with its heatmap before the threshold. */
export interface AggregatedPhrase extends SmoothHeatmap {
  /** The phrase's image, shared by all phrases of it. */
  readonly image: DecodedImage;
  /** The phrase. */
  readonly sample: Sample;
  /** Layers, steps and threshold of the heatmap. */
  readonly variant: Variant;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Mean attention of each layer, from which the heatmap can be finished with other options. */
  readonly layers: readonly AveragedLayer[];
}

/** A running sum for each layer and window of steps. */
type Sums = Map<string, AttentionAccumulator>;

/** A phrase between its maps: the sums so far, and why it has failed. */
interface Unfinished {
  readonly sums: Sums;
  failure?: unknown;
}

const keyOf = (layer: number, { start, end }: Variant) => `${layer}:${start}..${end}`;

/**
 * Averages attention over tokens, steps and layers as maps arrive (docs/method.md, steps 8 and 9).
 * Memory holds one small sum per phrase of an image and layer, for any number of steps. With several
 * variants it holds one sum per phrase, layer and window of steps.
 *
 * @param source Maps, with an image's maps in a row.
 * @param size Side of the heatmap in pixels.
 */
export function aggregate(
  source: AsyncIterable<Flow<AttentionStep>>,
  size: number,
  settings: ResolvedSettings,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<AggregatedPhrase>> {
  const { variants } = settings;
  const unfinished = new Map<number, Unfinished>();
  return flatMapFlow(source, "aggregate", function* (step) {
    const { image, index, isLast } = step;
    const sample = image.samples[index]!;
    const phrase: Unfinished = unfinished.get(index) ?? { sums: new Map() };
    unfinished.set(index, phrase);
    const { sums } = phrase;
    try {
      if (phrase.failure === undefined) addStep(sums, step, variants);
      if (!isLast) return;
      if (phrase.failure !== undefined) throw phrase.failure;
      for (const variant of variants) {
        const layers = variant.layers.map((layer): AveragedLayer => {
          const sum = sums.get(keyOf(layer, variant))!;
          return { layer, data: sum.mean(), side: sum.side };
        });
        const smooth = smoothAttention(layers, { ...settings, size });
        yield item({ image, sample, variant, size, layers, ...smooth });
      }
    } catch (error) {
      // The phrase's remaining maps still arrive: report the failure once, at the last map.
      phrase.failure = error;
      if (isLast) yield failed("aggregate", sample, error);
    } finally {
      if (isLast) unfinished.delete(index);
    }
  }, options);
}

/**
 * The layers of some maps, each with a function that adds the layer's steps to a sum. The maps must
 * lie in CPU memory.
 */
export function* mapsOf(
  { maps, ranges, index, count }: AttentionStep,
): Iterable<{ layer: number; add: (sum: AttentionAccumulator) => void; positions: number }> {
  const [tokenStart, tokenEnd] = ranges[index]!;
  for (const { layers, data, positions, tokens } of maps) {
    const length = positions * tokens;
    for (const [i, layer] of layers.entries()) {
      const add = (sum: AttentionAccumulator) => {
        for (let step = 0; step < count; step++) {
          const start = (step * layers.length + i) * length;
          const map = (data as Float32Array).subarray(start, start + length);
          sum.add(map, { tokens, tokenStart, tokenEnd });
        }
      };
      yield { layer, add, positions };
    }
  }
}

/** Adds maps to the sum of every window that contains their steps. */
function addStep(sums: Sums, added: AttentionStep, variants: readonly Variant[]): void {
  for (const { layer, add, positions } of mapsOf(added)) {
    const keys = new Set(
      variants.filter((variant) => isAveraged(variant, layer, added.step))
        .map((variant) => keyOf(layer, variant)),
    );
    for (const key of keys) {
      const sum = sums.get(key) ?? new AttentionAccumulator(positions);
      sums.set(key, sum);
      add(sum);
    }
  }
}

function isAveraged({ layers, start, end }: Variant, layer: number, step: number): boolean {
  return step >= start && step < end && layers.includes(layer);
}
