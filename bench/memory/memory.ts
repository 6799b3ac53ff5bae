/**
 * Memory over many heatmaps.
 *
 * @module
 */

import type { LiveBuffers } from "./live_buffers.ts";

/** Memory after a number of heatmaps. */
export interface MemorySample {
  readonly heatmaps: number;
  /** Resident memory of the process, in bytes. */
  readonly process: number;
  /** Number of live GPU buffers. */
  readonly buffers: number;
  /** Bytes of the live GPU buffers. */
  readonly bufferBytes: number;
}

/** Share of the heatmaps that counts as warm-up. */
export const WARM_UP = 0.2;

/** Highest number of samples to keep. */
const MAX_SAMPLES = 200;

/** Memory over the number of heatmaps. */
export class MemoryCurve {
  /** The samples so far, in order. */
  readonly samples: MemorySample[] = [];
  readonly #total: number;
  readonly #live: LiveBuffers | undefined;

  /**
   * @param total Number of heatmaps to be made.
   * @param live The GPU's buffers, if there is a GPU.
   */
  constructor(total: number, live: LiveBuffers | undefined) {
    this.#total = total;
    this.#live = live;
  }

  /** Takes a sample after `heatmaps` heatmaps, unless the last sample is too recent. */
  note(heatmaps: number): void {
    const { samples } = this;
    if (heatmaps < (samples.length + 1) * this.#total / MAX_SAMPLES) return;
    const [buffers, bufferBytes] = [this.#live?.count ?? 0, this.#live?.bytes() ?? 0];
    samples.push({ heatmaps, process: Deno.memoryUsage().rss, buffers, bufferBytes });
    if (samples.length % 20 === 0) console.error(`${heatmaps} of ${this.#total}`);
  }

  /** Returns the growth of a value per heatmap after the warm-up. */
  growth(of: (sample: MemorySample) => number): number {
    const steady = this.samples.filter(({ heatmaps }) => heatmaps >= WARM_UP * this.#total);
    return slope(steady.map((sample) => [sample.heatmaps, of(sample)]));
  }
}

/** Slope of the least-squares line through the points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - meanX, y - meanY), 0);
  return sum((x, y) => x * y) / sum((x) => x * x);
}
