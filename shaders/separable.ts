import { type Gpu, Operation } from "./device.ts";
import type { Band } from "./separable_cpu.ts";
import code from "./separable.wgsl" with { type: "text" };

/** Computes U A Uᵀ on the GPU for maps A of one size: resize and Gaussian as one operation. */
export class Separable extends Operation {
  #rows: Band;
  #columns: Band;
  #maps: number;
  #buffers: { readonly starts: GPUBuffer; readonly weights: GPUBuffer }[];
  #between: GPUBuffer;

  /**
   * @param rows Band of the axis from top to bottom.
   * @param columns Band of the axis from left to right.
   * @param maps Number of maps in a batch.
   * @throws {RangeError} If the maps do not fit a buffer.
   */
  constructor(gpu: Gpu, rows: Band, columns: Band, maps = 1) {
    super(gpu, "separable", code);
    this.#rows = rows;
    this.#columns = columns;
    this.#maps = maps;
    this.#buffers = [columns, rows].map(({ starts, weights }) => ({
      starts: this.hold("band starts", starts),
      weights: this.hold("band weights", weights),
    }));
    this.#between = this.hold("half-made maps", maps * rows.inputLength * columns.length * 4);
  }

  /**
   * Records the product.
   *
   * @param source `[maps, rows.inputLength, columns.inputLength]` float32.
   * @param result `[maps, rows.length, columns.length]` float32.
   * @param accumulate Whether to add to the values in `result`.
   */
  record(
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    result: GPUBuffer,
    accumulate = false,
  ): void {
    const sizes = {
      FROM_WIDTH: this.#columns.inputLength,
      FROM_HEIGHT: this.#rows.inputLength,
      TO_WIDTH: this.#columns.length,
      TO_HEIGHT: this.#rows.length,
    };
    const wide = Math.ceil(this.#columns.length / 256);
    const [columns, rows] = this.#buffers;
    this.run(
      encoder,
      "across",
      { ...sizes, BAND: this.#columns.width },
      [source, this.#between, columns!.starts, columns!.weights],
      [wide, this.#rows.inputLength, this.#maps],
    );
    this.run(
      encoder,
      "down",
      { ...sizes, BAND: this.#rows.width, ACCUMULATE: accumulate ? 1 : 0 },
      [this.#between, result, rows!.starts, rows!.weights],
      [wide, this.#rows.length, this.#maps],
    );
  }
}
