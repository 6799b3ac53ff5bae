/** Rows of a few numbers in one array: an object per row would need far more memory. */
export class NumberRows {
  readonly #width: number;
  #values: Float64Array;
  #count = 0;

  /** @param width Numbers per row. */
  constructor(width: number) {
    this.#width = width;
    this.#values = new Float64Array(64 * width);
  }

  /** Number of rows. */
  get count(): number {
    return this.#count;
  }

  add(row: readonly number[]): void {
    const at = this.#count++ * this.#width;
    if (at === this.#values.length) {
      const grown = new Float64Array(2 * at);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values.set(row, at);
  }

  /** Returns the rows in ascending order, so that the order of `add` calls does not matter. */
  sorted(): Float64Array<ArrayBuffer> {
    const [width, values] = [this.#width, this.#values];
    const compare = (a: number, b: number) => {
      for (let column = 0; column < width; column++) {
        const difference = values[a * width + column]! - values[b * width + column]!;
        // A missing score is NaN in every row, and NaN differences are neither below nor above 0.
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
