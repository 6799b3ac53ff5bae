/**
 * Stages 5 to 7 on the GPU: cross-attention maps to heatmaps, masks and scores
 * without reading a map back.
 *
 * @module
 */

import { type Gpu, storage } from "../shaders/device.ts";
import type { AttentionStep } from "./denoise.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "./flow.ts";
import { GpuHeatmaps } from "./heatmaps_gpu.ts";
import type { ScoredPhrase } from "./metrics.ts";
import { toOriginal } from "./otsu.ts";
import type { ScoreOptions } from "./score_heatmap.ts";
import type { ResolvedSettings } from "./settings.ts";

/**
 * What the stages aggregate, otsu and metrics do, on the GPU. The phrases of an
 * image are finished together, so that they share a readback.
 *
 * @param source Maps, those of one image in a row; maps in memory are uploaded.
 * @param size Side of the heatmap in pixels.
 */
export async function* finishOnGpu(
  source: AsyncIterable<Flow<AttentionStep>>,
  gpu: Gpu,
  size: number,
  settings: ResolvedSettings,
  score: ScoreOptions,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  const { sigma, otsu } = settings;
  const heatmaps = new GpuHeatmaps(gpu, { ...score, size, sigma, otsu });
  let image: unknown;
  let uploads: (GPUBuffer | undefined)[] = [];
  const free = () => {
    for (const buffer of uploads) buffer?.destroy();
    uploads = [];
  };
  const expand = async function* (step: AttentionStep): AsyncIterable<Flow<ScoredPhrase>> {
    const { ranges, index, count, maps, isLast } = step;
    if (image !== step.image) {
      image = step.image;
      free();
      const groups = maps.map(({ layers, positions, tokens }) => ({
        layers: layers.length,
        positions,
        tokens,
      }));
      const { samples, gray } = step.image;
      const targets = ranges.map((range, i) => {
        const { boxes } = samples[i]!;
        return { range, ...(boxes.length > 0 && { target: { image: gray, boxes } }) };
      });
      heatmaps.begin(groups, targets);
    }
    const buffers = maps.map(({ data }, i) => {
      if (!(data instanceof Float32Array)) return data;
      const buffer = uploads[i] ??= storage(gpu, "attention maps", data.byteLength);
      gpu.device.queue.writeBuffer(buffer, 0, data as BufferSource);
      return buffer;
    });
    heatmaps.add(buffers, index, count);
    if (!isLast || index < ranges.length - 1) return;
    const results = await heatmaps.finish();
    for (const [i, result] of results.entries()) {
      const { image } = step;
      const sample = image.samples[i]!;
      if ("error" in result) {
        yield failed(result.stage, sample, result.error);
      } else {
        const originalBox = result.box && toOriginal(result.box, size, image.crop);
        yield item({ image, sample, size, originalBox, ...result });
      }
    }
  };
  try {
    yield* flatMapFlow(source, expand, options);
  } finally {
    free();
    heatmaps.destroy();
  }
}
