import { HeatmapKernels } from "../../pipeline/gpu/heatmap_kernels_gpu.ts";
import type { AveragedLayer } from "../../pipeline/postprocess.ts";
import { normalize01 } from "../../shaders/aggregate_cpu.ts";
import { checked, type Gpu, storage, submitAndRead } from "../../shaders/device.ts";
import { ScoreSums } from "../../shaders/metrics.ts";
import type { Attended, Smoothed } from "./shown.ts";

/** Maximum bytes of a batch's heatmaps, as in a run. */
const BATCH_BYTES = 2 ** 24;

/** Kernels and buffers for one batch size, kind and sigma. */
interface Kernels {
  readonly kind: string;
  readonly sigma: number;
  readonly heatmap: HeatmapKernels;
  /** Weighted sum of the layers of each side, `[phrases, side, side]`. */
  readonly means: readonly GPUBuffer[];
  /** Sums over boxes, which the kernels require; the page scores nothing, and so has no boxes. */
  readonly sums: ScoreSums;
}

/**
 * Finishes heatmaps on a GPU, up to the cut: resize, average, Gaussian, scaling, Otsu's threshold.
 * Kernels and buffers stay for the next batch.
 */
export class GpuFinisher {
  readonly #gpu: Gpu;
  #kernels: Kernels | undefined;

  /** @param gpu The GPU; this object owns it and destroys it. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Name of the GPU's adapter. */
  get name(): string {
    return this.#gpu.adapter.name;
  }

  /** Key of a phrase's heatmap size and layer sides; a batch holds phrases of one key. */
  static kindOf({ size, layers }: Attended): string {
    return [size, ...sidesOf(layers)].join();
  }

  /** Maximum number of phrases in a batch, by heatmap side in pixels. */
  static most(size: number): number {
    return Math.max(1, Math.floor(BATCH_BYTES / (4 * size * size)));
  }

  /**
   * Finishes a batch of phrases.
   *
   * @param phrases Phrases of one kind, at most {@linkcode GpuFinisher.most}.
   * @param sigma Standard deviation of the Gaussian in heatmap pixels, 0..32.
   * @returns A heatmap for each phrase; `undefined` if its values are not finite.
   * @throws {DeviceLostError} If the device was lost.
   */
  smooth(phrases: readonly Attended[], sigma: number): Promise<(Smoothed | undefined)[]> {
    return checked(this.#gpu, "finish heatmaps", async () => {
      const [{ size, layers }] = phrases as [Attended];
      const sides = sidesOf(layers);
      const { heatmap, means, sums } = this.#prepare(phrases, sides, sigma);
      sides.forEach((side, i) =>
        phrases.forEach(({ layers }, place) => {
          const map = meanOfSide(layers, side);
          this.#gpu.device.queue.writeBuffer(means[i]!, place * map.byteLength, map);
        })
      );
      const encoder = this.#gpu.device.createCommandEncoder({ label: "finish heatmaps" });
      heatmap.record(encoder, means, 0, phrases.length, sums);
      const [values, words] = await submitAndRead(this.#gpu, encoder, [
        { buffer: heatmap.smoothed, bytes: 4 * size * size * phrases.length },
        { buffer: heatmap.otsu.states, bytes: heatmap.otsu.stateBytes },
      ]);
      return phrases.map((_, i) => {
        const smoothed = new Float32Array(values!, 4 * i * size * size, size * size);
        const { isBroken, isConstant, range, threshold: otsu } = heatmap.otsu
          .readState(new Uint32Array(words!), i);
        if (isBroken) return undefined;
        // Scaling again on the processor is faster than a second readback.
        const normalised = isConstant
          ? new Float32Array(smoothed.length)
          : normalize01(smoothed, range);
        return { normalised, size, sigma, otsu };
      });
    });
  }

  /** Frees the buffers and destroys the GPU device. */
  destroy(): void {
    this.#free();
    this.#gpu.destroy();
  }

  /** Gives kernels for a batch; another sigma needs new kernels but no new shader compilation. */
  #prepare(phrases: readonly Attended[], sides: readonly number[], sigma: number): Kernels {
    const [first] = phrases as [Attended];
    const kind = GpuFinisher.kindOf(first);
    const known = this.#kernels?.kind === kind ? this.#kernels : undefined;
    const count = Math.max(phrases.length, known?.heatmap.count ?? 0);
    if (known?.sigma === sigma && known.heatmap.count === count) return known;
    this.#free();
    const { size } = first;
    return this.#kernels = {
      kind,
      sigma,
      heatmap: new HeatmapKernels(this.#gpu, count, sides, { size, sigma, otsu: true }),
      means: sides.map((side) => storage(this.#gpu, "mean attention", 4 * count * side * side)),
      sums: new ScoreSums(this.#gpu, size, []),
    };
  }

  #free(): void {
    const { heatmap, means = [], sums } = this.#kernels ?? {};
    heatmap?.destroy();
    sums?.destroy();
    for (const buffer of means) buffer.destroy();
    this.#kernels = undefined;
  }
}

function sidesOf(layers: readonly AveragedLayer[]): number[] {
  return [...new Set(layers.map(({ side }) => side))];
}

/** Returns the share of the layers of one side in the mean over all layers. */
function meanOfSide(layers: readonly AveragedLayer[], side: number): Float32Array<ArrayBuffer> {
  const sum = new Float32Array(side * side);
  for (const layer of layers) {
    if (layer.side === side) layer.data.forEach((value, i) => sum[i]! += value / layers.length);
  }
  return sum;
}
