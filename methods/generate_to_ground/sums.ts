/**
 * Running sums of attention over steps and layers.
 *
 * @module
 */

import { addProduct, mapSide, repeat } from "./maps.ts";

/** Attention to the words in an image made from the phrase, for each step and layer. */
export class TextMaps {
  readonly #starts: readonly number[];
  readonly #sides: readonly number[];

  /**
   * @param sides Side of each layer's map.
   * @param values `[steps]` of the maps of all layers, one after another.
   */
  constructor(sides: readonly number[], readonly values: Float32Array) {
    this.#sides = sides;
    this.#starts = sides.map((_, layer) => stepLength(sides.slice(0, layer)));
  }

  /** The map of a layer at a step. */
  at(step: number, layer: number): Float32Array {
    const start = step * stepLength(this.#sides) + this.#starts[layer]!;
    return this.values.subarray(start, start + this.#sides[layer]! ** 2);
  }
}

/** Number of values of the maps of all layers. */
export function stepLength(sides: readonly number[]): number {
  return sides.reduce((sum, side) => sum + side * side, 0);
}

/** Mean maps of one phrase, row-major squares of one side. */
export interface Means {
  /** Attention to each group of tokens, over the last steps. */
  readonly words: readonly Float32Array[];
  /** Attention to the start token, and its products with the text's maps; absent without these. */
  readonly biases?: Readonly<Record<"image" | "text" | "product", Float32Array>>;
}

/**
 * Sums attention as it arrives. Maps of one size are summed before they are repeated, and matrix
 * products before they are enlarged: a product of repeated maps is the repeated product times the
 * factor.
 */
export class LayerSums {
  readonly #words: Float64Array[][];
  readonly #starts: Float64Array[];
  readonly #products: Float64Array[];
  readonly #texts: Float64Array[];

  /**
   * @param sides Side of each layer's map.
   * @param groups Number of groups of tokens; their columns come first in each map.
   * @param steps Number of steps.
   * @param first First step of the words' means.
   * @param text Maps to multiply with; then a map's last column is the start token.
   */
  constructor(
    readonly sides: readonly number[],
    readonly groups: number,
    readonly steps: number,
    readonly first: number,
    readonly text?: TextMaps,
  ) {
    const zeros = () => sides.map((side) => new Float64Array(side * side));
    this.#words = Array.from({ length: groups }, zeros);
    [this.#starts, this.#products, this.#texts] = [zeros(), zeros(), zeros()];
  }

  /** Adds a layer's map of one step, `[positions, columns]`. */
  add(layer: number, step: number, map: Float32Array): void {
    const side = this.sides[layer]!;
    const columns = map.length / side ** 2;
    const column = (at: number) =>
      Float32Array.from({ length: side * side }, (_, i) => map[i * columns + at]!);
    if (step >= this.first) {
      this.#words.forEach((sums, group) => addTo(sums[layer]!, column(group)));
    }
    if (!this.text) return;
    const [start, text] = [column(columns - 1), this.text.at(step, layer)];
    addTo(this.#starts[layer]!, start);
    addTo(this.#texts[layer]!, text);
    addProduct(this.#products[layer]!, start, text, side);
  }

  /** Means over steps and layers. */
  means(): Means {
    const read = this.steps - this.first;
    const words = this.#words.map((sums) => this.#mean(sums, read));
    if (!this.text) return { words };
    return {
      words,
      biases: {
        image: this.#mean(this.#starts, this.steps),
        text: this.#mean(this.#texts, this.steps),
        product: this.#mean(this.#products, this.steps, (factor) => factor),
      },
    };
  }

  #mean(
    sums: readonly Float64Array[],
    steps: number,
    weigh: (factor: number) => number = () => 1,
  ): Float32Array {
    const side = mapSide(this.sides);
    const total = new Float64Array(side * side);
    sums.forEach((sum, layer) => {
      const own = this.sides[layer]!;
      const share = weigh(side / own) / (steps * sums.length);
      addTo(total, repeat(sum.map((value) => share * value), own, side));
    });
    return Float32Array.from(total);
  }
}

function addTo(sum: Float64Array, values: Float32Array): void {
  values.forEach((value, i) => sum[i]! += value);
}
