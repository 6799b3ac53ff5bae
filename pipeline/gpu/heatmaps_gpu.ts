/**
 * The post-processing of one image's phrases on the GPU: attention in, heatmaps
 * and scores out, with one submit and one readback for a batch of phrases.
 *
 * @module
 */

import type { Box, Size } from "../../base/geometry.ts";
import { AttentionSums } from "../../shaders/aggregate.ts";
import { normalize01, requireTokenRange } from "../../shaders/aggregate_cpu.ts";
import { checked, type Gpu, type ReadRange, submitAndRead } from "../../shaders/device.ts";
import type { GpuTimer } from "../../shaders/gpu_timer.ts";
import { GridSums, type GridTarget } from "../../shaders/metrics.ts";
import { applyThreshold, maskBox } from "../../shaders/otsu_cpu.ts";
import { Finisher, type FinisherOptions } from "./finisher_gpu.ts";
import type { Heatmap, LayerMean } from "../postprocess.ts";
import { type AllScores, type ProtocolOptions, scoreProtocols } from "../../scoring/protocols.ts";
import { clipBoxes, scoreStatistics } from "../../scoring/score_heatmap.ts";

/** Attention maps of one size that come together. */
export interface MapGroup {
  /** How many layers. */
  readonly layers: number;
  /** Positions of a map, a square number. */
  readonly positions: number;
  /** Tokens of a map. */
  readonly tokens: number;
}

/** One phrase of the image. */
export interface PhraseTarget {
  /** First token that counts and one past the last. */
  readonly range: readonly [start: number, end: number];
  /** Size of the original image and boxes to score against; neither where there are none. */
  readonly target?: { readonly image: Size; readonly boxes: readonly Box[] };
}

/** How {@linkcode GpuHeatmaps} works. */
export interface GpuHeatmapsOptions extends FinisherOptions, ProtocolOptions {
  /**
   * Share of the memory that a batch of phrases may take.
   *
   * @default {1}
   */
  readonly shareOfMemory?: number;
  /** Times the GPU's work: one piece for each addition of maps and each batch of heatmaps. */
  readonly timer?: GpuTimer;
}

/** What became of one phrase. */
export type GpuHeatmap =
  | (Heatmap & {
    readonly scores?: AllScores;
    readonly constantMaps: number;
    /** The layers' means over steps, those of one group after another. */
    readonly means: readonly LayerMean[];
  })
  | { readonly stage: "aggregate" | "metrics"; readonly error: unknown };

/**
 * Most bytes of one map of a batch of phrases: enough to fill a GPU and to share
 * a readback, and small beside a model. With twice as much the memory that is
 * read to comes anew from the system each time, which takes longer than the rest.
 */
const BATCH_BYTES = 2 ** 24;

/**
 * Makes the heatmaps of one image after another: {@linkcode GpuHeatmaps.begin},
 * {@linkcode GpuHeatmaps.add} for every step, {@linkcode GpuHeatmaps.finish}.
 */
export class GpuHeatmaps {
  #gpu: Gpu;
  #options: GpuHeatmapsOptions;
  #phrases: readonly PhraseTarget[] = [];
  /** Why a phrase can have no heatmap. */
  #refusals: unknown[] = [];
  #sums: AttentionSums[] = [];
  #finisher: Finisher | undefined;

  /** @param gpu Where they are made. */
  constructor(gpu: Gpu, options: GpuHeatmapsOptions) {
    this.#gpu = gpu;
    this.#options = options;
  }

  /**
   * Begins an image; what was begun before is dropped.
   *
   * @param groups Groups of maps; all layers count equally.
   * @param phrases The phrases, in order.
   * @throws {RangeError} If an option is out of its range, or a map does not
   * fit a buffer of the device.
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
        // One phrase without tokens must not end the others; its maps are not used.
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
    // A batch takes a workgroup of its own a phrase.
    const count = Math.min(most, phrases.length, maxComputeWorkgroupsPerDimension);
    const sides = this.#sums.map(({ side }) => side);
    // The next image mostly asks for the same.
    if (this.#finisher?.fits(count, sides)) return;
    this.#finisher?.destroy();
    this.#finisher = undefined;
    this.#finisher = new Finisher(this.#gpu, count, sides, this.#options);
  }

  /**
   * Adds maps and submits.
   *
   * @param maps One a group, `[steps, phrases, layers, positions, tokens]`; for
   * one phrase alone `[steps, layers, positions, tokens]`.
   * @param phrase The one phrase, if the maps are not of all.
   * @param steps How many steps come together.
   */
  add(maps: readonly GPUBuffer[], phrase?: number, steps = 1): void {
    const encoder = this.#gpu.device.createCommandEncoder({ label: "add attention" });
    this.#measure(
      encoder,
      () => maps.forEach((map, i) => this.#sums[i]!.add(encoder, map, phrase, steps)),
    );
    this.#gpu.device.queue.submit([encoder.finish()]);
  }

  /**
   * Finishes every phrase: averages, resizes, smooths, scales, masks, scores.
   *
   * @throws {DeviceLostError} If the device was lost on the way.
   */
  async finish(): Promise<GpuHeatmap[]> {
    const phrases = this.#phrases;
    const batch = this.#finisher!.count;
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
    const finisher = this.#finisher!;
    const encoder = this.#gpu.device.createCommandEncoder({ label: "finish heatmaps" });
    const errors: unknown[] = [];
    const targets = this.#phrases.slice(first, first + count).map(({ target }, i): GridTarget => {
      const none = { image: { width: 1, height: 1 }, boxes: [] };
      try {
        if (!target) return none;
        return { image: target.image, boxes: clipBoxes(target.boxes, target.image) };
      } catch (error) {
        errors[i] = error;
        return none;
      }
    });
    const grid = new GridSums(this.#gpu, size, targets, margin);
    try {
      this.#measure(encoder, () => {
        if (first === 0) { for (const sums of this.#sums) sums.average(encoder); }
        finisher.record(encoder, this.#sums.map(({ means }) => means), first, count, grid);
      });
      const states = this.#sums.map(({ states, stateBytes }) => ({
        buffer: states,
        bytes: stateBytes,
      }));
      const bytes = 4 * size * size * count;
      const ranges: ReadRange[] = [
        { buffer: finisher.smoothed, bytes },
        { buffer: finisher.otsu.states, bytes: finisher.otsu.stateBytes },
        { buffer: grid.sums, bytes: grid.sumBytes },
        ...states,
        ...this.#sums.map((sums) => sums.sumsOf(first, count)),
      ];
      const read = await submitAndRead(this.#gpu, encoder, ranges);
      const planes = new Float32Array(read.shift()!);
      const layers = read.splice(-this.#sums.length).map((data) => new Float32Array(data));
      const [otsuWords, gridWords, ...stateWords] = read.map((data) => new Uint32Array(data));
      return Array.from({ length: count }, (_, i): GpuHeatmap => {
        const attention = this.#sums.map((sums, group) =>
          sums.readStates(stateWords[group]!, first + i)
        );
        const refusal = this.#refusals[first + i];
        if (refusal !== undefined) return { stage: "aggregate", error: refusal };
        const brokenMaps = attention.reduce((sum, { brokenMaps }) => sum + brokenMaps, 0);
        if (brokenMaps > 0) return broken(`${brokenMaps} of its attention maps`);
        const { isBroken, isConstant, range, threshold: split } = finisher.otsu.readState(
          otsuWords!,
          i,
        );
        if (isBroken) return broken("its heatmap");
        if (errors[i] !== undefined) return { stage: "metrics", error: errors[i] };
        const smoothed = planes.subarray(i * size * size, (i + 1) * size * size);
        // As on the GPU, and sooner done again than read back.
        const normalised = isConstant
          ? new Float32Array(smoothed.length)
          : normalize01(smoothed, range);
        const threshold = otsu ? split : undefined;
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
          ...(targets[i]!.boxes.length > 0 && {
            scores: {
              ...scoreStatistics(grid.read(gridWords!, i)),
              // Their cost is small beside the model's; they have no kernels of their own.
              ...scoreProtocols(heatmap, targets[i]!.image, targets[i]!.boxes, this.#options),
            },
          }),
        };
      });
    } finally {
      grid.destroy();
    }
  }

  #measure(encoder: GPUCommandEncoder, record: () => void): void {
    const { timer } = this.#options;
    if (timer) timer.measure(encoder, record);
    else record();
  }

  /** Frees its buffers. */
  destroy(): void {
    this.#drop();
    this.#finisher?.destroy();
    this.#finisher = undefined;
  }

  #drop(): void {
    for (const sums of this.#sums.splice(0)) sums.destroy();
  }
}

function broken(what: string): GpuHeatmap {
  const error = new RangeError(
    `Cannot aggregate attention: expected finite values, got NaN or infinity in ${what}`,
  );
  return { stage: "aggregate", error };
}
