/**
 * The post-processing of one image's phrases on the GPU: attention in, heatmaps
 * and scores out, with one submit and one readback for a batch of phrases.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import type { Size } from "../../base/geometry.ts";
import { filledBox, isRegion, type Truth } from "../../base/region.ts";
import { AttentionSums } from "../../shaders/aggregate.ts";
import { normalize01, requireTokenRange } from "../../shaders/aggregate_cpu.ts";
import { checked, type Gpu, type ReadRange, submitAndRead } from "../../shaders/device.ts";
import { ScoreSums, type ScoreTarget } from "../../shaders/metrics.ts";
import { gridStatistics } from "../../shaders/metrics_cpu.ts";
import { applyThreshold, maskBox } from "../../shaders/otsu_cpu.ts";
import { HeatmapKernels, type HeatmapKernelsOptions } from "./heatmap_kernels_gpu.ts";
import type { Heatmap, LayerMean } from "../postprocess.ts";
import { type AllScores, type ProtocolOptions, scoreProtocols } from "../../scoring/protocols.ts";
import { clipTruth, scoreStatistics } from "../../scoring/score_heatmap.ts";

/** Attention maps of one size that share a buffer. */
export interface MapGroup {
  readonly layers: number;
  /** Positions per map, a square number. */
  readonly positions: number;
  /** Tokens per map. */
  readonly tokens: number;
}

/** One phrase of the image. */
export interface PhraseTarget {
  /** First token that counts, and one past the last. */
  readonly range: readonly [start: number, end: number];
  /** Size of the original image and ground truth to score against; absent without ground truth. */
  readonly target?: { readonly image: Size; readonly truth: Truth };
}

/** Options of {@linkcode GpuHeatmaps}. */
export interface GpuHeatmapsOptions extends HeatmapKernelsOptions, ProtocolOptions {
  /**
   * Share of the usual memory for a batch of phrases, up to 1. Several instances divide the memory.
   *
   * @default {1}
   */
  readonly shareOfMemory?: number;
}

/** Result of one phrase: a heatmap, or the error with its stage. */
export type GpuHeatmap =
  | (Heatmap & {
    readonly scores?: AllScores;
    readonly constantMaps: number;
    /** Each layer's mean over steps, with the layers of a group in a row. */
    readonly means: readonly LayerMean[];
  })
  | { readonly stage: "aggregate" | "metrics"; readonly error: unknown };

/**
 * Maximum bytes of one buffer of heatmaps for a batch of phrases. Such a batch fills a GPU,
 * needs few readbacks, and is small beside a model. With twice the size, the system allocates the
 * readback memory anew each time, which takes longer than all other work.
 */
const BATCH_BYTES = 2 ** 24;

/**
 * Makes the heatmaps of one image after another. For each image, call
 * {@linkcode GpuHeatmaps.begin}, then {@linkcode GpuHeatmaps.add} for every step, then
 * {@linkcode GpuHeatmaps.finish}.
 */
export class GpuHeatmaps {
  #gpu: Gpu;
  #options: GpuHeatmapsOptions;
  #phrases: readonly PhraseTarget[] = [];
  /** By index, the error of each phrase that cannot have a heatmap. */
  #refusals: unknown[] = [];
  #sums: AttentionSums[] = [];
  #kernels: HeatmapKernels | undefined;

  /** @param gpu GPU that makes the heatmaps. */
  constructor(gpu: Gpu, options: GpuHeatmapsOptions) {
    this.#gpu = gpu;
    this.#options = options;
  }

  /**
   * Begins an image, and drops an image that is not finished.
   *
   * @param groups Groups of maps; all layers have the same weight.
   * @param phrases The phrases, in order.
   * @throws {RangeError} If an option is out of its range, or a map does not fit a buffer of the
   * device.
   */
  begin(groups: readonly MapGroup[], phrases: readonly PhraseTarget[]): void {
    this.#drop();
    const { size } = this.#options;
    const layers = groups.reduce((sum, { layers }) => sum + layers, 0);
    this.#refusals = [];
    const ranges = phrases.map(({ range }, i) => {
      try {
        for (const { tokens } of groups) requireTokenRange(tokens, ...range);
        return range;
      } catch (error) {
        // Use token 0 as a dummy: one phrase without tokens must not end the other phrases.
        this.#refusals[i] = error;
        return [0, 1] as const;
      }
    });
    for (const group of groups) {
      const sizes = { ...group, phrases: phrases.length, ranges, share: 1 / layers };
      this.#sums.push(new AttentionSums(this.#gpu, sizes));
    }
    this.#phrases = phrases;
    const { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } =
      this.#gpu.device.limits;
    const share = BATCH_BYTES * (this.#options.shareOfMemory ?? 1);
    const bytes = Math.min(share, maxStorageBufferBindingSize);
    const most = Math.max(1, Math.floor(bytes / (4 * size * size)));
    // Each phrase of a batch takes a workgroup, and the device limits the workgroups.
    const count = Math.min(most, phrases.length, maxComputeWorkgroupsPerDimension);
    const sides = this.#sums.map(({ side }) => side);
    // The next image mostly needs the same kernels.
    if (this.#kernels?.fits(count, sides)) return;
    this.#kernels?.destroy();
    this.#kernels = undefined;
    this.#kernels = new HeatmapKernels(this.#gpu, count, sides, this.#options);
  }

  /**
   * Adds a phrase's maps to the sums, and submits the work.
   *
   * @param maps One buffer per group, `[steps, layers, positions, tokens]`.
   * @param phrase Index of the phrase.
   * @param steps Number of steps in the maps.
   */
  add(maps: readonly GPUBuffer[], phrase: number, steps = 1): void {
    const encoder = this.#gpu.device.createCommandEncoder({ label: "add attention" });
    maps.forEach((map, i) => this.#sums[i]!.add(encoder, map, phrase, steps));
    this.#gpu.device.queue.submit([encoder.finish()]);
  }

  /**
   * Finishes every phrase: averages, resizes, smooths, scales, masks, scores.
   *
   * @throws {DeviceLostError} If the GPU is lost during the work.
   */
  async finish(): Promise<GpuHeatmap[]> {
    const phrases = this.#phrases;
    const batch = this.#kernels!.count;
    const results: GpuHeatmap[] = [];
    for (let first = 0; first < phrases.length; first += batch) {
      const count = Math.min(batch, phrases.length - first);
      results.push(
        ...await checked(this.#gpu, "finish heatmaps", () => this.#finishBatch(first, count)),
      );
    }
    this.#drop();
    return results;
  }

  async #finishBatch(first: number, count: number): Promise<GpuHeatmap[]> {
    const { size, margin, otsu } = this.#options;
    const kernels = this.#kernels!;
    const encoder = this.#gpu.device.createCommandEncoder({ label: "finish heatmaps" });
    const errors: unknown[] = [];
    const known: PhraseTarget["target"][] = [];
    const targets = this.#phrases.slice(first, first + count).map(({ target }, i): ScoreTarget => {
      const none = { image: { width: 1, height: 1 }, boxes: [] };
      try {
        if (!target) return none;
        const { image } = target;
        const truth = clipTruth(target.truth, image);
        known[i] = { image, truth };
        if (!isRegion(truth)) return { image, boxes: truth };
        // The kernels sum over boxes. Another region is scored on the CPU from the same heatmap.
        const filled = filledBox(truth);
        return filled ? { image, boxes: [filled] } : none;
      } catch (error) {
        errors[i] = error;
        return none;
      }
    });
    const scores = new ScoreSums(this.#gpu, size, targets, margin);
    try {
      if (first === 0) { for (const sums of this.#sums) sums.average(encoder); }
      kernels.record(encoder, this.#sums.map(({ means }) => means), first, count, scores);
      const states = this.#sums.map(({ states, stateBytes }) => ({
        buffer: states,
        bytes: stateBytes,
      }));
      const bytes = 4 * size * size * count;
      const ranges: ReadRange[] = [
        { buffer: kernels.smoothed, bytes },
        { buffer: kernels.otsu.states, bytes: kernels.otsu.stateBytes },
        { buffer: scores.sums, bytes: scores.sumBytes },
        ...states,
        ...this.#sums.map((sums) => sums.sumsOf(first, count)),
      ];
      const read = await submitAndRead(this.#gpu, encoder, ranges);
      const planes = new Float32Array(read.shift()!);
      const layers = read.splice(-this.#sums.length).map((data) => new Float32Array(data));
      const [otsuWords, scoreWords, ...stateWords] = read.map((data) => new Uint32Array(data));
      return Array.from({ length: count }, (_, i): GpuHeatmap => {
        const attention = this.#sums.map((sums, group) =>
          sums.readStates(stateWords[group]!, first + i)
        );
        const refusal = this.#refusals[first + i];
        if (refusal !== undefined) return { stage: "aggregate", error: refusal };
        const brokenMaps = attention.reduce((sum, { brokenMaps }) => sum + brokenMaps, 0);
        if (brokenMaps > 0) return broken(`${brokenMaps} of its attention maps`);
        const { isBroken, isConstant, range, threshold: split } = kernels.otsu.readState(
          otsuWords!,
          i,
        );
        if (isBroken) return broken("its heatmap");
        if (errors[i] !== undefined) return { stage: "metrics", error: errors[i] };
        const smoothed = planes.subarray(i * size * size, (i + 1) * size * size);
        // Scale again as on the GPU, which is faster than a readback.
        const normalised = isConstant
          ? new Float32Array(smoothed.length)
          : normalize01(smoothed, range);
        const threshold = otsu ? split : undefined;
        const target = known[i];
        const heatmap = threshold === undefined
          ? normalised
          : applyThreshold(normalised, threshold);
        return {
          smoothed,
          normalised,
          heatmap,
          constant: isConstant,
          threshold,
          box: otsu ? maskBox(heatmap, size, size) : undefined,
          means: this.#sums.flatMap((sums, group) => {
            const length = layers[group]!.length / count;
            const own = layers[group]!.subarray(i * length, (i + 1) * length);
            return sums.readMeans(own, stateWords[group]!, first + i)
              .map((data) => ({ data, side: sums.side }));
          }),
          constantMaps: attention.reduce((sum, { constantMaps }) => sum + constantMaps, 0),
          ...(target && {
            scores: {
              ...scoreStatistics(
                targets[i]!.boxes.length > 0
                  ? scores.read(scoreWords!, i)
                  : gridStatistics(heatmap, size, target.image, target.truth, margin),
              ),
              // These protocols have no kernels, because their cost is small beside the model's.
              ...scoreProtocols(heatmap, target.image, target.truth, {
                ...this.#options,
                raw: smoothed,
                isMasked: otsu,
              }),
            },
          }),
        };
      });
    } finally {
      scores.destroy();
    }
  }

  /** Frees all buffers. */
  destroy(): void {
    this.#drop();
    this.#kernels?.destroy();
    this.#kernels = undefined;
  }

  #drop(): void {
    for (const sums of this.#sums.splice(0)) sums.destroy();
  }
}

function broken(what: string): GpuHeatmap {
  const error = new InputRangeError(
    `Cannot aggregate attention: expected finite values, got NaN or infinity in ${what}`,
  );
  return { stage: "aggregate", error };
}
