/**
 * Aggregation of attention maps in plain TypeScript: the twin of the `aggregate` shader. Each map
 * is reduced as it arrives, so memory does not grow with the number of steps.
 *
 * @module
 */

import { InputRangeError } from "../base/errors.ts";

/** Lowest and highest value of a map. */
export interface ValueRange {
  /** Lowest value. */
  readonly minimum: number;
  /** Highest value. */
  readonly maximum: number;
}

/** Layout of one softmax map, and the range of tokens that count. */
export interface AttentionMapLayout {
  /** Number of tokens that a position attends to: the length of the map's last axis. */
  readonly tokens: number;
  /** First token of the phrase that counts, from 0. */
  readonly tokenStart: number;
  /** One past the last token that counts. */
  readonly tokenEnd: number;
  /**
   * Name of the map in error messages.
   * @default "attention map"
   */
  readonly name?: string;
}

const DEFAULT_NAME = "attention map";

/**
 * The running sum of one cross-attention layer: each map is averaged over the
 * phrase's tokens, scaled to 0..1 over space, and added.
 *
 * @example
 * ```ts
 * import { AttentionAccumulator } from "./aggregate_cpu.ts";
 *
 * const layer = new AttentionAccumulator(4);
 * // Two tokens at each of 2x2 positions; only the second token counts.
 * layer.add(new Float32Array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.5, 0.5]), {
 *   tokens: 2,
 *   tokenStart: 1,
 *   tokenEnd: 2,
 * });
 * layer.mean(); // 0, 0.25, 0.5, 1
 * ```
 */
export class AttentionAccumulator {
  /** Side of the square map, in positions. */
  readonly side: number;
  /** Number of positions in the map, `side * side`. */
  readonly positions: number;
  #sum: Float64Array;
  #map: Float64Array;
  #count = 0;
  #constantMaps = 0;

  /**
   * @param positions Positions of the layer's maps, a square number.
   * @throws {RangeError} If `positions` is not the square of a positive integer.
   */
  constructor(positions: number) {
    this.side = squareSide(positions, "attention positions");
    this.positions = positions;
    this.#sum = new Float64Array(positions);
    this.#map = new Float64Array(positions);
  }

  /** Number of maps added so far. */
  get count(): number {
    return this.#count;
  }

  /** Number of added maps that had the same value everywhere; each counts as all 0. */
  get constantMaps(): number {
    return this.#constantMaps;
  }

  /**
   * Adds the softmax map of one step.
   *
   * @param map Row-major `[positions, tokens]`, heads averaged.
   * @param layout The token axis and the half-open range of tokens that count.
   * @throws {RangeError} If the sizes disagree, or the token range is empty or outside the map.
   * Also if a value in the range is not finite. In all cases nothing is added.
   */
  add(map: Float32Array, layout: AttentionMapLayout): void {
    const { tokens, tokenStart, tokenEnd, name = DEFAULT_NAME } = layout;
    requireTokenRange(tokens, tokenStart, tokenEnd, name);
    if (map.length !== this.positions * tokens) {
      throw new RangeError(
        `Cannot aggregate ${name}: expected ${this.positions} positions x ${tokens} tokens = ${
          this.positions * tokens
        } values, got ${map.length}`,
      );
    }
    const means = this.#map;
    let minimum = Infinity;
    let maximum = -Infinity;
    for (let position = 0; position < means.length; position++) {
      const row = position * tokens;
      // Two independent sums are faster, since each addition waits for the previous one.
      let total = 0;
      let other = 0;
      let token = row + tokenStart;
      for (const end = row + tokenEnd - 1; token < end; token += 2) {
        total += map[token]!;
        other += map[token + 1]!;
      }
      if (token < row + tokenEnd) total += map[token]!;
      total += other;
      if (!Number.isFinite(total)) {
        throw new InputRangeError(
          `Cannot aggregate ${name}: expected finite values, got ${total} over tokens ${tokenStart}..${tokenEnd} of position ${position}`,
        );
      }
      means[position] = total;
      if (total < minimum) minimum = total;
      if (total > maximum) maximum = total;
    }
    this.#count++;
    if (maximum === minimum) {
      this.#constantMaps++;
      return;
    }
    // The token mean's divisor cancels in the scaling to 0..1.
    const sum = this.#sum;
    const scale = 1 / (maximum - minimum);
    for (let position = 0; position < sum.length; position++) {
      sum[position]! += (means[position]! - minimum) * scale;
    }
  }

  /**
   * The mean of the maps added so far, row-major `[side, side]`, values 0..1.
   *
   * @throws {RangeError} If no map was added.
   */
  mean(): Float32Array {
    if (this.#count === 0) {
      throw new RangeError(
        "Cannot average attention: expected at least one map, got none",
      );
    }
    const count = this.#count;
    return Float32Array.from(this.#sum, (total) => total / count);
  }
}

/**
 * Computes the side of a square map from the number of its values.
 *
 * @param length Number of values.
 * @param what Name of the values, for the error message.
 * @throws {RangeError} If `length` is not the square of a positive integer.
 */
export function squareSide(length: number, what: string): number {
  const side = Math.round(Math.sqrt(length));
  if (!(length > 0) || side * side !== length) {
    throw new RangeError(
      `Cannot lay out a square map: expected a square number of ${what}, got ${length}`,
    );
  }
  return side;
}

/**
 * The lowest and highest value of a map.
 *
 * @param map Any finite values, at least one.
 * @throws {RangeError} If the map is empty, holds NaN or an infinity, or spans
 * more than float32 can hold.
 */
export function valueRange(map: Float32Array): ValueRange {
  if (map.length === 0) {
    throw new RangeError("Cannot take the range of a map that has no values");
  }
  let minimum = Infinity;
  let maximum = -Infinity;
  // Multiplying by 0 keeps finite values at 0 and turns all others into NaN.
  let finite = 0;
  for (let index = 0; index < map.length; index++) {
    const value = map[index]!;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
    finite += value * 0;
  }
  if (finite !== 0) {
    const index = map.findIndex((value) => !Number.isFinite(value));
    throw new InputRangeError(
      `Cannot take the range of a map: expected finite values, got ${map[index]} at index ${index}`,
    );
  }
  if (!Number.isFinite(Math.fround(maximum - minimum))) {
    throw new InputRangeError(
      `Cannot take the range of a map: expected a span within float32, got ${minimum} to ${maximum}`,
    );
  }
  return { minimum, maximum };
}

/**
 * Scales a map to 0..1 over its own range. A constant map becomes all 0.
 *
 * @param map Row-major values of any finite range.
 * @param range The map's range, if already known.
 * @returns A new map of the same length.
 * @throws {RangeError} If the map is empty or holds NaN or an infinity.
 */
export function normalize01(map: Float32Array, range: ValueRange = valueRange(map)): Float32Array {
  const { minimum, maximum } = range;
  const result = new Float32Array(map.length);
  if (maximum === minimum) return result;
  // In float64, the reciprocal gives the same float32 as a division, in half the time.
  const scale = 1 / Math.fround(maximum - minimum);
  for (let index = 0; index < map.length; index++) {
    result[index] = Math.fround(map[index]! - minimum) * scale;
  }
  return result;
}

/**
 * Scales a map to 0..1 over its own range in float64. The values may differ from those of
 * {@linkcode normalize01} in the last bit.
 *
 * @param map Row-major values of any finite range. A constant map becomes NaN without `spare`.
 * @param spare Amount that is added to the range.
 * @returns A new map of the same length.
 * @throws {RangeError} If the map is empty or holds NaN or an infinity.
 */
export function scaleExactly(map: Float32Array, spare = 0): Float32Array {
  const { minimum, maximum } = valueRange(map);
  const range = maximum - minimum + spare;
  if (minimum === 0 && range === 1) return map.slice();
  const scaled = new Float32Array(map.length);
  for (let i = 0; i < map.length; i++) scaled[i] = (map[i]! - minimum) / range;
  return scaled;
}

/**
 * Refuses a token range that is empty or outside the map.
 *
 * @param tokens Number of tokens in the map.
 * @param tokenStart First token that counts.
 * @param tokenEnd One past the last token that counts.
 * @param name Name of the map in the error message.
 * @throws {RangeError} If the range is empty or outside the map.
 */
export function requireTokenRange(
  tokens: number,
  tokenStart: number,
  tokenEnd: number,
  name = DEFAULT_NAME,
): void {
  if (
    !Number.isInteger(tokens) || !Number.isInteger(tokenStart) ||
    !Number.isInteger(tokenEnd) || tokenStart < 0 || tokenStart >= tokenEnd ||
    tokenEnd > tokens
  ) {
    const empty = " of a phrase in which there is nothing to read";
    throw new InputRangeError(
      `Cannot aggregate ${name}: expected a token range with 0 <= start < end <= ${tokens}, got ` +
        `${tokenStart}..${tokenEnd}${tokenStart === tokenEnd ? empty : ""}`,
    );
  }
}
