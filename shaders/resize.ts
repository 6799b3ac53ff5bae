import { type Gpu, Operation } from "./device.ts";
import { type AxisTaps, bilinearTaps } from "./resize_cpu.ts";
import type { Size } from "../base/geometry.ts";
import code from "./resize.wgsl" with { type: "text" };

/** Bilinear resizing on the GPU of maps or of a grey image from one size to another. */
export class Resize extends Operation {
  #to: Size;
  #columns: GPUBuffer;
  #rows: GPUBuffer;
  #sizes: GPUBuffer;

  /**
   * @param from Size of the source in pixels.
   * @param to Size of the result in pixels.
   * @param taps Source pixels and weights of each axis. The default is bilinear over the whole
   * source; a caller that needs only a crop passes the taps of the crop.
   * @throws {RangeError} If a size is not positive and whole.
   */
  constructor(
    gpu: Gpu,
    from: Size,
    to: Size,
    taps: { readonly columns: AxisTaps; readonly rows: AxisTaps } = {
      columns: bilinearTaps(from.width, to.width),
      rows: bilinearTaps(from.height, to.height),
    },
  ) {
    super(gpu, "resize", code);
    this.#to = to;
    this.#columns = this.hold("resize columns", packTaps(taps.columns));
    this.#rows = this.hold("resize rows", packTaps(taps.rows));
    const sizes = Uint32Array.of(from.width, from.width * from.height, to.width, to.height);
    this.#sizes = this.hold("resize sizes", sizes);
  }

  /**
   * Records the resizing of float32 maps.
   *
   * @param source `[maps, from.height, from.width]` float32.
   * @param result `[maps, to.height, to.width]` float32.
   * @param maps Number of maps.
   * @param accumulate Whether to add to the values in `result`.
   */
  record(
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    result: GPUBuffer,
    maps = 1,
    accumulate = false,
  ): void {
    const buffers = { 0: source, 1: this.#columns, 2: this.#rows, 3: result, 5: this.#sizes };
    const constants = { ACCUMULATE: accumulate ? 1 : 0 };
    this.run(encoder, "resize_map", constants, buffers, this.#workgroups(maps));
  }

  /**
   * Records the resizing of a grey image to 0..1.
   *
   * @param pixels `[from.height, from.width]` bytes.
   * @param result `[to.height, to.width]` float32.
   */
  recordGray(encoder: GPUCommandEncoder, pixels: GPUBuffer, result: GPUBuffer): void {
    const buffers = { 1: this.#columns, 2: this.#rows, 3: result, 4: pixels, 5: this.#sizes };
    this.run(encoder, "resize_gray", {}, buffers, this.#workgroups(1));
  }

  #workgroups(maps: number): [number, number, number] {
    return [Math.ceil(this.#to.width / 16), Math.ceil(this.#to.height / 16), maps];
  }
}

/** Packs taps as the shader's `Tap` structs: lower, upper, weight. */
function packTaps({ lower, upper, weight }: AxisTaps): Uint32Array {
  const packed = new Uint32Array(3 * lower.length);
  const weights = new Float32Array(packed.buffer);
  for (let i = 0; i < lower.length; i++) {
    packed[3 * i] = lower[i]!;
    packed[3 * i + 1] = upper[i]!;
    weights[3 * i + 2] = weight[i]!;
  }
  return packed;
}
