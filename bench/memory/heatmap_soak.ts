/**
 * Makes heatmaps in a row, as a long evaluation does. Images have changing numbers of phrases and
 * boxes; maps arrive step by step.
 *
 * @module
 */

import type { Box } from "../../base/geometry.ts";
import { GpuHeatmaps, type PhraseTarget } from "../../pipeline/gpu/heatmaps_gpu.ts";
import { Random } from "../../base/random.ts";
import { type Gpu, storage } from "../../shaders/device.ts";
import { LAYERS, POSITIONS, RANGE, SIGMA, TOKENS } from "../postprocess/inputs.ts";

/** Highest number of phrases per image, and of boxes per phrase. */
const PHRASES = 6;
const BOXES = 3;

/** Options of {@linkcode HeatmapSoak.image}. */
export interface SoakImageOptions {
  /**
   * Number of phrases of the image.
   *
   * @default a random number from 1 to 6
   */
  readonly phrases?: number;
  /** Called after each step of each phrase. */
  readonly onStep?: () => void;
}

/** Makes the heatmaps of one image after another. */
export class HeatmapSoak {
  #gpu: Gpu;
  #heatmaps: GpuHeatmaps;
  #maps: GPUBuffer;
  #values: Float32Array;
  #random = new Random(1);

  /** @param size Side of the heatmaps, in pixels. */
  constructor(gpu: Gpu, size: number) {
    this.#gpu = gpu;
    this.#heatmaps = new GpuHeatmaps(gpu, { size, sigma: SIGMA, otsu: true });
    this.#values = Float32Array.from(
      { length: LAYERS * POSITIONS * TOKENS },
      () => this.#random.uniform() / TOKENS,
    );
    this.#maps = storage(gpu, "attention maps", this.#values);
  }

  /**
   * Makes one image's heatmaps.
   *
   * @param steps Number of steps per phrase.
   * @returns Number of heatmaps.
   * @throws {Error} If a heatmap failed.
   */
  async image(steps: number, options: SoakImageOptions = {}): Promise<number> {
    const random = this.#random;
    const { phrases: count = random.integer(1, PHRASES), onStep = () => {} } = options;
    const image = { width: random.integer(400, 800), height: random.integer(400, 800) };
    const phrases = Array.from({ length: count }, (): PhraseTarget => {
      const boxes = Array.from({ length: random.integer(0, BOXES) }, (): Box => [
        random.integer(0, 350),
        random.integer(0, 350),
        random.integer(1, 300),
        random.integer(1, 300),
      ]);
      return { range: RANGE, ...(boxes.length > 0 && { target: { image, boxes } }) };
    });
    const group = { layers: LAYERS, positions: POSITIONS, tokens: TOKENS };
    this.#heatmaps.begin([group], phrases);
    for (const phrase of phrases.keys()) {
      for (let step = 0; step < steps; step++) {
        this.#values[random.integer(0, this.#values.length - 1)] = random.uniform();
        this.#gpu.device.queue.writeBuffer(this.#maps, 0, this.#values as BufferSource);
        this.#heatmaps.add([this.#maps], phrase);
        onStep();
      }
    }
    for (const result of await this.#heatmaps.finish()) {
      if ("error" in result) throw result.error;
    }
    return phrases.length;
  }

  /** Frees the GPU buffers. */
  destroy(): void {
    this.#heatmaps.destroy();
    this.#maps.destroy();
  }
}
