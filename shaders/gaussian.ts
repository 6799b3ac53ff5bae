import { type Gpu, Operation } from "./device.ts";
import { gaussianHalfKernel } from "./gaussian_cpu.ts";
import code from "./gaussian.wgsl" with { type: "text" };
import type { Size } from "../base/geometry.ts";

/** Number of lines that one workgroup smooths, as in the shader. */
const LANES = 8;

/** Number of pixels along a line that one workgroup smooths, as in the shader. */
const TILE = 128;

/** A separable Gaussian on the GPU for maps of one size. */
export class Gaussian extends Operation {
  #size: Size;
  #maps: number;
  #weights: GPUBuffer;
  #between: GPUBuffer;
  #radius: number;

  /**
   * @param size Size of each map in pixels.
   * @param sigma Standard deviation in pixels, 0..32; 0 copies the maps.
   * @param maps Number of maps in a batch.
   * @throws {RangeError} If sigma is outside 0..32, or the maps do not fit a buffer.
   */
  constructor(gpu: Gpu, size: Size, sigma: number, maps = 1) {
    super(gpu, "gaussian", code);
    const half = gaussianHalfKernel(sigma);
    this.#size = size;
    this.#maps = maps;
    this.#radius = half.length - 1;
    this.#weights = this.hold("gaussian weights", Float32Array.from(half));
    this.#between = this.hold("half-smoothed maps", maps * size.width * size.height * 4);
  }

  /**
   * Records the smoothing of `[maps, height, width]` float32, top to bottom and then left to right.
   */
  record(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void {
    const { width, height } = this.#size;
    const axes = [
      {
        HORIZONTAL: 0,
        buffers: [source, this.#between, this.#weights],
        along: height,
        lines: width,
      },
      {
        HORIZONTAL: 1,
        buffers: [this.#between, result, this.#weights],
        along: width,
        lines: height,
      },
    ];
    for (const { HORIZONTAL, buffers, along, lines } of axes) {
      const constants = { WIDTH: width, HEIGHT: height, HORIZONTAL, RADIUS: this.#radius };
      const workgroups = [Math.ceil(along / TILE), Math.ceil(lines / LANES), this.#maps] as const;
      this.run(encoder, "smooth_axis", constants, buffers, workgroups);
    }
  }
}
