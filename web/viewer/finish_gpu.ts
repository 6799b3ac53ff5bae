/**
 * Resize, average, Gaussian, scaling and Otsu's threshold of phrases by the project's shaders.
 *
 * @module
 */

import { Finisher } from "../../pipeline/gpu/finisher_gpu.ts";
import type { AveragedLayer } from "../../pipeline/postprocess.ts";
import { normalize01 } from "../../shaders/aggregate_cpu.ts";
import { checked, type Gpu, storage, submitAndRead } from "../../shaders/device.ts";
import { GridSums } from "../../shaders/metrics.ts";
import type { Attended, Uncut } from "./shown.ts";

/** Most bytes of one map of a batch, as in a run. */
const BATCH_BYTES = 2 ** 24;

/** Kernels and buffers for as many phrases as came together. */
interface Kernels {
  readonly kind: string;
  readonly sigma: number;
  readonly finisher: Finisher;
  /** The layers of each side added up, `[phrases, side, side]`. */
  readonly means: readonly GPUBuffer[];
  /** Of no boxes, since nothing is scored. */
  readonly sums: GridSums;
}

/** Finishes heatmaps on a GPU, up to the cut. What it needs is kept for the next ones. */
export class GpuFinisher {
  readonly #gpu: Gpu;
  #kernels: Kernels | undefined;

  /** @param gpu Where; it is this object's from now on. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** The adapter's name. */
  get name(): string {
    return this.#gpu.adapter.name;
  }

  /** What phrases must have in common to be finished together. */
  static kindOf({ size, layers }: Attended): string {
    return [size, ...sidesOf(layers)].join();
  }

  /** Most phrases of this size that are finished together. */
  static most(size: number): number {
    return Math.max(1, Math.floor(BATCH_BYTES / (4 * size * size)));
  }

  /**
   * Finishes phrases of one kind, at most {@linkcode GpuFinisher.most} of them.
   *
   * @param sigma Standard deviation of the Gaussian in heatmap pixels, 0..32.
   * @returns One each; `undefined` where its values are not finite.
   * @throws {DeviceLostError} If the device was lost.
   */
  uncut(phrases: readonly Attended[], sigma: number): Promise<(Uncut | undefined)[]> {
    return checked(this.#gpu, "finish heatmaps", async () => {
      const [{ size, layers }] = phrases as [Attended];
      const sides = sidesOf(layers);
      const { finisher, means, sums } = this.#prepare(phrases, sides, sigma);
      sides.forEach((side, i) => {
        const maps = phrases.map(({ layers }) => meanOfSide(layers, side));
        maps.forEach((map, place) =>
          this.#gpu.device.queue.writeBuffer(means[i]!, place * map.byteLength, map)
        );
      });
      const encoder = this.#gpu.device.createCommandEncoder({ label: "finish heatmaps" });
      finisher.record(encoder, means, 0, phrases.length, sums);
      const [values, words] = await submitAndRead(this.#gpu, encoder, [
        { buffer: finisher.smoothed, bytes: 4 * size * size * phrases.length },
        { buffer: finisher.otsu.states, bytes: finisher.otsu.stateBytes },
      ]);
      return phrases.map((_, i) => {
        const smoothed = new Float32Array(values!, 4 * i * size * size, size * size);
        const state = finisher.otsu.readState(new Uint32Array(words!), i);
        const { isBroken, isConstant, range, threshold } = state;
        if (isBroken) return undefined;
        // Sooner done again than read back.
        const normalised = isConstant
          ? new Float32Array(smoothed.length)
          : normalize01(smoothed, range);
        return { normalised, size, sigma, otsu: threshold };
      });
    });
  }

  /** Gives the device back. */
  destroy(): void {
    this.#free();
    this.#gpu.destroy();
  }

  /** Kernels that fit; another sigma takes others, whose compiled shaders are kept. */
  #prepare(phrases: readonly Attended[], sides: readonly number[], sigma: number): Kernels {
    const [first] = phrases as [Attended];
    const kind = GpuFinisher.kindOf(first);
    const known = this.#kernels;
    const count = Math.max(phrases.length, known?.kind === kind ? known.finisher.count : 0);
    if (known?.kind === kind && known.sigma === sigma && known.finisher.count === count) {
      return known;
    }
    this.#free();
    const { size } = first;
    return this.#kernels = {
      kind,
      sigma,
      finisher: new Finisher(this.#gpu, count, sides, { size, sigma, otsu: true }),
      means: sides.map((side) => storage(this.#gpu, "mean attention", 4 * count * side * side)),
      sums: new GridSums(this.#gpu, size, []),
    };
  }

  #free(): void {
    const { finisher, means = [], sums } = this.#kernels ?? {};
    finisher?.destroy();
    sums?.destroy();
    for (const buffer of means) buffer.destroy();
    this.#kernels = undefined;
  }
}

function sidesOf(layers: readonly AveragedLayer[]): number[] {
  return [...new Set(layers.map(({ side }) => side))];
}

/** The layers of one side added up, each with its share of the heatmap. */
function meanOfSide(layers: readonly AveragedLayer[], side: number): Float32Array<ArrayBuffer> {
  const sum = new Float32Array(side * side);
  for (const layer of layers) {
    if (layer.side === side) layer.data.forEach((value, i) => sum[i]! += value / layers.length);
  }
  return sum;
}
