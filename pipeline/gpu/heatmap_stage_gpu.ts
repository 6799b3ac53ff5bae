/**
 * Stages 5 to 7 on the GPU: cross-attention maps to heatmaps, masks and scores, without a readback
 * of maps.
 *
 * @module
 */

import type { AttentionMaps } from "../../models/ldm/unet_session.ts";
import { type Gpu, storage } from "../../shaders/device.ts";
import { truthOf } from "../decode.ts";
import type { AttentionStep } from "../denoise.ts";
import type { AveragedLayer } from "../postprocess.ts";
import { failed, flatMapFlow, type Flow, item, type StageOptions } from "../flow.ts";
import { type GpuHeatmap, GpuHeatmaps, type MapGroup } from "./heatmaps_gpu.ts";
import type { ScoredPhrase } from "../metrics.ts";
import { toOriginal } from "../../base/geometry.ts";
import { placelessTruth, type ProtocolOptions, scoreProtocols } from "../../scoring/protocols.ts";
import type { ResolvedSettings } from "../settings/settings.ts";
import type { Variant } from "../settings/variants.ts";

/**
 * Does the work of the stages aggregate, otsu and metrics on the GPU. The phrases of an image are
 * finished together, so that they share a readback.
 *
 * @param source Maps, with an image's maps in a row; maps in CPU memory are uploaded. Layers that
 * only some variants average must have buffers of their own.
 * @param size Side of the heatmap in pixels.
 */
export async function* finishOnGpu(
  source: AsyncIterable<Flow<AttentionStep>>,
  gpu: Gpu,
  size: number,
  settings: ResolvedSettings,
  score: ProtocolOptions,
  options: StageOptions = {},
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  const { variants } = settings;
  const makers = variants.map((variant) => ({
    variant,
    heatmaps: new GpuHeatmaps(gpu, {
      ...score,
      ...settings,
      size,
      otsu: variant.otsu,
      shareOfMemory: 1 / variants.length,
    }),
  }));
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
      const { samples, gray } = step.image;
      const targets = ranges.map((range, i) => {
        const truth = truthOf(samples[i]!, step.image);
        return { range, ...(truth && { target: { image: gray, truth } }) };
      });
      for (const { variant, heatmaps } of makers) {
        heatmaps.begin(ofVariant(maps, variant).map(toGroup), targets);
      }
    }
    const buffers = maps.map(({ data }, i) => {
      if (!(data instanceof Float32Array)) return data;
      // A later batch of steps can be larger than the first batch.
      if ((uploads[i]?.size ?? 0) < data.byteLength) {
        uploads[i]?.destroy();
        uploads[i] = storage(gpu, "attention maps", data.byteLength);
      }
      gpu.device.queue.writeBuffer(uploads[i]!, 0, data as BufferSource);
      return uploads[i]!;
    });
    for (const { variant, heatmaps } of makers) {
      if (step.step < variant.start || step.step >= variant.end) continue;
      const own = ofVariant(maps, variant).map((map) => buffers[maps.indexOf(map)]!);
      heatmaps.add(own, index, count);
    }
    if (!isLast || index < ranges.length - 1) return;
    const made: { variant: Variant; results: GpuHeatmap[] }[] = [];
    for (const { variant, heatmaps } of makers) {
      made.push({ variant, results: await heatmaps.finish() });
    }
    for (const [i, sample] of step.image.samples.entries()) {
      for (const { variant, results } of made) {
        const result = results[i]!;
        if ("error" in result) {
          const isOwn = result.stage === "metrics";
          yield failed(result.stage, sample, result.error, isOwn ? variant : undefined);
          // As on the CPU: maps that cannot be averaged end the phrase once, before its variants.
          if (!isOwn) break;
          continue;
        }
        const { crop } = step.image;
        const originalBox = result.box && toOriginal(result.box, size, crop);
        const { means, ...heatmap } = result;
        const order = ofVariant(maps, variant).flatMap(({ layers }) => layers);
        const layers = means.map((mean, i): AveragedLayer => ({ layer: order[i]!, ...mean }));
        const phrase = {
          image: step.image,
          sample,
          variant,
          size,
          layers,
          originalBox,
          ...heatmap,
        };
        const { heatmap: map, smoothed: raw, threshold } = heatmap;
        const own = { ...score, raw, isMasked: threshold !== undefined };
        const known = placelessTruth(sample.isNegative, sample.isPresent);
        yield item(
          known
            ? { ...phrase, negative: scoreProtocols(map, step.image.gray, known, own) }
            : phrase,
        );
      }
    }
  };
  try {
    yield* flatMapFlow(source, "aggregate", expand, options);
  } finally {
    free();
    for (const { heatmaps } of makers) heatmaps.destroy();
  }
}

function toGroup({ layers, positions, tokens }: AttentionMaps): MapGroup {
  return { layers: layers.length, positions, tokens };
}

/**
 * The maps that a variant averages.
 *
 * @throws {TypeError} If the variant averages only some layers of a buffer.
 */
function ofVariant(maps: readonly AttentionMaps[], { layers }: Variant): AttentionMaps[] {
  return maps.filter((map) => {
    const own = map.layers.filter((layer) => layers.includes(layer));
    if (own.length > 0 && own.length < map.layers.length) {
      throw new TypeError("Cannot leave out layers of maps that come together: see `separate`");
    }
    return own.length > 0;
  });
}
