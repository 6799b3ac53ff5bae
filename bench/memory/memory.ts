/**
 * Memory over many heatmaps.
 *
 * @module
 */

import type { LiveBuffers } from "./live_buffers.ts";

/** What was seen after a number of heatmaps. */
export interface MemorySample {
  readonly heatmaps: number;
  /** Bytes of the process that are in memory. */
  readonly process: number;
  /** Live GPU buffers. */
  readonly buffers: number;
  /** Their bytes. */
  readonly bufferBytes: number;
}

/** Share of what is made that is warm-up. */
export const WARM_UP = 0.2;

/** Most samples that are kept. */
const MAX_SAMPLES = 200;

/** How memory goes while many heatmaps are made. */
export class MemoryCurve {
  /** What was seen, in order. */
  readonly samples: MemorySample[] = [];
  readonly #total: number;
  readonly #live: LiveBuffers | undefined;

  /**
   * @param total How many heatmaps are to be made.
   * @param live The GPU's buffers, where there is one.
   */
  constructor(total: number, live: LiveBuffers | undefined) {
    this.#total = total;
    this.#live = live;
  }

  /** Takes note of the memory after so many heatmaps, if enough were made since the last time. */
  note(heatmaps: number): void {
    const { samples } = this;
    if (heatmaps < (samples.length + 1) * this.#total / MAX_SAMPLES) return;
    const [buffers, bufferBytes] = [this.#live?.count ?? 0, this.#live?.bytes() ?? 0];
    samples.push({ heatmaps, process: Deno.memoryUsage().rss, buffers, bufferBytes });
    if (samples.length % 20 === 0) console.error(`${heatmaps} of ${this.#total}`);
  }

  /** By how much something grows with each heatmap after the warm-up. */
  growth(of: (sample: MemorySample) => number): number {
    const steady = this.samples.filter(({ heatmaps }) => heatmaps >= WARM_UP * this.#total);
    return slope(steady.map((sample) => [sample.heatmaps, of(sample)]));
  }
}

/** The slope of the straight line nearest to some points, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - meanX, y - meanY), 0);
  return sum((x, y) => x * y) / sum((x) => x * x);
}
