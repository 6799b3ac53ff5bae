import { type Gpu, storage } from "../../shaders/device.ts";
import { Gaussian } from "../../shaders/gaussian.ts";
import type { ScoreSums } from "../../shaders/metrics.ts";
import { Otsu } from "../../shaders/otsu.ts";
import { Resize } from "../../shaders/resize.ts";
import { Separable } from "../../shaders/separable.ts";
import {
  type FinishHeatmapOptions,
  type FinishSettings,
  ROUNDING,
  smoothingBands,
} from "../postprocess.ts";

/** Options of {@linkcode HeatmapKernels}, which know no threshold but Otsu's. */
export type HeatmapKernelsOptions = Required<FinishHeatmapOptions & FinishSettings>;

/** The kernels after the average over layers and steps, for a batch of phrases. */
export class HeatmapKernels {
  /** Heatmaps before scaling, `[count, size, size]`. */
  readonly smoothed: GPUBuffer;
  /** Kernels for scaling, threshold and mask, with their states. */
  readonly otsu: Otsu;
  /** Heatmaps scaled to 0..1, `[count, size, size]`. */
  #normalised: GPUBuffer;
  /** Heatmaps with 0 up to the threshold, `[count, size, size]`; absent without Otsu. */
  #masked: GPUBuffer | undefined;
  #buffers: GPUBuffer[] = [];
  #sources: { buffer: GPUBuffer; side: number }[];
  #smooth: (encoder: GPUCommandEncoder) => void;
  #kernels: { destroy(): void }[] = [];

  /**
   * @param count Maximum number of phrases in a batch.
   * @param sides Sides of the maps in positions.
   * @throws {RangeError} If a map does not fit a buffer of the device.
   */
  constructor(
    gpu: Gpu,
    readonly count: number,
    readonly sides: readonly number[],
    { size, sigma, otsu }: HeatmapKernelsOptions,
  ) {
    const square = { width: size, height: size };
    const buffer = (label: string, values: number) => {
      const made = storage(gpu, label, 4 * values);
      this.#buffers.push(made);
      return made;
    };
    const keep = <T extends { destroy(): void }>(kernel: T) => {
      this.#kernels.push(kernel);
      return kernel;
    };
    try {
      this.smoothed = buffer("smoothed heatmaps", count * size * size);
      this.#normalised = buffer("normalised heatmaps", count * size * size);
      if (otsu) this.#masked = buffer("masked heatmaps", count * size * size);
      this.otsu = keep(new Otsu(gpu, square, { maps: count, rounding: ROUNDING }));
      this.#sources = sides.map((side) => ({
        buffer: buffer("mean attention", count * side * side),
        side,
      }));
      const bands = smoothingBands(sides, size, sigma);
      if (bands) {
        const products = bands.map((band) => keep(new Separable(gpu, band, band, count)));
        this.#smooth = (encoder) =>
          products.forEach((product, i) =>
            product.record(encoder, this.#sources[i]!.buffer, this.smoothed, i > 0)
          );
      } else {
        const gaussian = keep(new Gaussian(gpu, square, sigma, count));
        const resized = buffer("resized attention", count * size * size);
        const resizes = sides.map((side) =>
          keep(new Resize(gpu, { width: side, height: side }, square))
        );
        this.#smooth = (encoder) => {
          resizes.forEach((resize, i) =>
            resize.record(encoder, this.#sources[i]!.buffer, resized, count, i > 0)
          );
          gaussian.record(encoder, resized, this.smoothed);
        };
      }
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /** Whether the kernels were made for this number of phrases and these sides. */
  fits(count: number, sides: readonly number[]): boolean {
    return count === this.count && sides.join() === this.sides.join();
  }

  /**
   * Records all work from the means to the sums behind the scores.
   *
   * @param means One buffer per group of maps, `[phrases, side, side]`.
   * @param first Index of the batch's first phrase.
   * @param count Number of phrases in the batch, at most `this.count`.
   * @param scores Sums up the finished heatmaps for the scores.
   */
  record(
    encoder: GPUCommandEncoder,
    means: readonly GPUBuffer[],
    first: number,
    count: number,
    scores: ScoreSums,
  ): void {
    this.#sources.forEach(({ buffer, side }, i) => {
      const bytes = 4 * side * side;
      encoder.copyBufferToBuffer(means[i]!, first * bytes, buffer, 0, count * bytes);
    });
    this.#smooth(encoder);
    this.otsu.recordScaling(encoder, this.smoothed, this.#normalised);
    // Without scores no kernel reads the masked heatmaps, so no kernel needs to write them.
    const masked = scores.sumBytes > 0 ? this.#masked : undefined;
    if (this.#masked) this.otsu.record(encoder, this.#normalised, masked, true);
    scores.record(encoder, masked ?? this.#normalised);
  }

  /** Frees the buffers and kernels. */
  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    for (const kernel of this.#kernels) kernel.destroy();
  }
}
