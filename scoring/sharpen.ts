/**
 * Dynamic heatmap sharpening, a lift that needs no training.
 *
 * @module
 */

import { quantile, sortFloats } from "../base/sort_floats.ts";
import { normalize01 } from "../shaders/aggregate_cpu.ts";

/** Parameters of {@linkcode sharpen}, from `dhs.py` of kaf-ground. */
export const DHS = {
  name: "dhs",
  /** Steepness of the sigmoid, for values in 0..1. */
  slope: 96,
  /** Least share of the values above the sigmoid's centre. */
  least: 0.001,
  /** Greatest share of the values above the sigmoid's centre. */
  most: 0.6,
} as const;

/** Largest argument of the sigmoid, so that its exponential is finite. */
const BOUND = 60;

/**
 * Sharpens a map as `dhs.py` of kaf-ground does. The map is scaled to 0..1. A share of its values
 * lies above the mean plus a standard deviation, and a sigmoid is centred on the quantile that has
 * this share above it. The order of values stays, but the highest values may become equal.
 * All numbers are rounded to float32 as in NumPy.
 *
 * @param map Finite values of any range, at least one.
 * @returns A new map of values 0..1; a constant map becomes .5 everywhere.
 */
export function sharpen(map: Float32Array): Float32Array<ArrayBuffer> {
  const scaled = new Float32Array(normalize01(map));
  const limit = Math.fround(meanOf(scaled) + deviationOf(scaled));
  let above = 0;
  for (let i = 0; i < scaled.length; i++) if (scaled[i]! > limit) above++;
  const share = Math.min(Math.max(above / scaled.length, DHS.least), DHS.most);
  const center = Math.fround(quantile(sortFloats(scaled), 1 - share));
  for (let i = 0; i < scaled.length; i++) {
    const distance = Math.fround(DHS.slope * Math.fround(scaled[i]! - center));
    const argument = Math.min(Math.max(distance, -BOUND), BOUND);
    scaled[i] = 1 / Math.fround(1 + Math.fround(Math.exp(-argument)));
  }
  return scaled;
}

/** Mean of float32 values, rounded where NumPy rounds. */
export function meanOf(values: Float32Array): number {
  return Math.fround(sumPairs(values, 0, values.length) / values.length);
}

/** Population variance of float32 values, rounded where NumPy rounds. */
export function varianceOf(values: Float32Array): number {
  const mean = meanOf(values);
  const squares = values.map((value) => Math.fround(value - mean) ** 2);
  return meanOf(squares);
}

function deviationOf(values: Float32Array): number {
  return Math.fround(Math.sqrt(varianceOf(values)));
}

/** Most values that NumPy adds without halving them (`PW_BLOCKSIZE`). */
const BLOCK = 128;

/** Sum of float32 values in the order of NumPy's `pairwise_sum`, which decides the last digits. */
function sumPairs(values: Float32Array, from: number, count: number): number {
  if (count > BLOCK) {
    const half = Math.floor(count / 2) - Math.floor(count / 2) % 8;
    return Math.fround(
      sumPairs(values, from, half) + sumPairs(values, from + half, count - half),
    );
  }
  const sums = new Float32Array(8);
  const even = count - count % 8;
  for (let i = 0; i < even; i++) sums[i % 8]! += values[from + i]!;
  const pairs = new Float32Array(4);
  for (let i = 0; i < 4; i++) pairs[i] = sums[2 * i]! + sums[2 * i + 1]!;
  let sum = Math.fround(Math.fround(pairs[0]! + pairs[1]!) + Math.fround(pairs[2]! + pairs[3]!));
  for (let i = even; i < count; i++) sum = Math.fround(sum + values[from + i]!);
  return sum;
}
