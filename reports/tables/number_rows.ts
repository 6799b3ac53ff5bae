/** Rows of a few numbers each, without an object a row. */
export class NumberRows {
  readonly #width: number;
  #values: Float64Array;
  #count = 0;

  /** @param width Numbers of a row. */
  constructor(width: number) {
    this.#width = width;
    this.#values = new Float64Array(64 * width);
  }

  /** How many rows there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds a row. */
  add(row: readonly number[]): void {
    const at = this.#count++ * this.#width;
    if (at === this.#values.length) {
      const grown = new Float64Array(2 * at);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values.set(row, at);
  }

  /** The rows one after another, in an order that depends on nothing but their numbers. */
  sorted(): Float64Array<ArrayBuffer> {
    const [width, values] = [this.#width, this.#values];
    const compare = (a: number, b: number) => {
      for (let column = 0; column < width; column++) {
        const difference = values[a * width + column]! - values[b * width + column]!;
        // Where a score is not there, it is NaN in every row.
        if (difference < 0 || difference > 0) return difference;
      }
      return 0;
    };
    const order = Uint32Array.from({ length: this.#count }, (_, row) => row).sort(compare);
    const sorted = new Float64Array(this.#count * width);
    order.forEach((row, i) =>
      sorted.set(values.subarray(row * width, (row + 1) * width), i * width)
    );
    return sorted;
  }
}
