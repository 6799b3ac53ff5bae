/**
 * Resize and Gaussian as one operation: the twin of the `separable` shader. Both are linear and
 * separable, so a map A becomes U A Uᵀ with one matrix for each axis. The rows of a matrix are
 * mostly 0, so only a band of each row is kept.
 *
 * @module
 */

import { gaussianHalfKernel } from "./gaussian_cpu.ts";
import { bilinearTaps } from "./resize_cpu.ts";
import type { Size } from "../base/geometry.ts";

/** A matrix `[length, inputLength]`, reduced to the stretch of each row that is not 0. */
export interface Band {
  /** Rows: pixels of the result's axis. */
  readonly length: number;
  /** Columns: pixels of the source's axis. */
  readonly inputLength: number;
  /** Number of values kept of each row. */
  readonly width: number;
  /** Column of each row's first kept value, `[length]`. */
  readonly starts: Int32Array;
  /** The values, `[length, width]`. */
  readonly weights: Float32Array;
}

/**
 * Computes the matrix that resizes an axis bilinearly and then smooths it.
 *
 * @param inputLength Length of the source's axis in pixels.
 * @param length Length of the result's axis in pixels.
 * @param sigma Standard deviation of the Gaussian in pixels of the result, 0..32.
 * @throws {RangeError} If a length is not a positive integer, or sigma is outside 0..32.
 */
export function smoothResizeBand(inputLength: number, length: number, sigma: number): Band {
  const { lower, upper, weight } = bilinearTaps(inputLength, length);
  const half = gaussianHalfKernel(sigma);
  const radius = half.length - 1;
  const period = 2 * length;
  const dense = new Float64Array(inputLength);
  const rows: { start: number; values: Float64Array }[] = [];
  for (let row = 0; row < length; row++) {
    let first = inputLength;
    let last = 0;
    for (let offset = -radius; offset <= radius; offset++) {
      const wrapped = (((row + offset) % period) + period) % period;
      const pixel = wrapped < length ? wrapped : period - 1 - wrapped;
      const share = half[Math.abs(offset)]!;
      dense[lower[pixel]!]! += share * (1 - weight[pixel]!);
      dense[upper[pixel]!]! += share * weight[pixel]!;
      first = Math.min(first, lower[pixel]!);
      last = Math.max(last, upper[pixel]!);
    }
    rows.push({ start: first, values: dense.slice(first, last + 1) });
    dense.fill(0, first, last + 1);
  }
  const width = rows.reduce((most, { values }) => Math.max(most, values.length), 0);
  const starts = new Int32Array(length);
  const weights = new Float32Array(length * width);
  rows.forEach(({ start, values }, row) => {
    // Near the far end a row's band starts earlier, so that no row reaches past the source.
    const from = Math.min(start, inputLength - width);
    starts[row] = from;
    weights.set(values, row * width + start - from);
  });
  return { length, inputLength, width, starts, weights };
}

/** Whether a band takes less arithmetic than a resize followed by a Gaussian. */
export function bandWins(band: Band, sigma: number): boolean {
  return band.width <= 2 + gaussianHalfKernel(sigma).length;
}

/**
 * Multiplies each axis of a map A by its band: U A Uᵀ.
 *
 * @param map Row-major `[rows.inputLength, columns.inputLength]`.
 * @param rows Band of the axis from top to bottom.
 * @param columns Band of the axis from left to right.
 * @returns Row-major `[rows.length, columns.length]`.
 * @throws {RangeError} If the map does not fit the bands.
 */
export function applyBands(map: Float32Array, rows: Band, columns: Band): Float32Array {
  const from: Size = { width: columns.inputLength, height: rows.inputLength };
  if (map.length !== from.width * from.height) {
    throw new RangeError(
      `Cannot resize a map: expected ${from.width} x ${from.height} values, got ${map.length}`,
    );
  }
  const width = columns.length;
  // Each source row stretched to the result's width: [rows.inputLength, width].
  const stretched = new Float32Array(from.height * width);
  for (let y = 0; y < from.height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * from.width + columns.starts[x]!;
      const band = x * columns.width;
      let total = 0;
      for (let k = 0; k < columns.width; k++) total += map[at + k]! * columns.weights[band + k]!;
      stretched[y * width + x] = total;
    }
  }
  return rows.width <= 3 ? downNarrow(stretched, rows, width) : downWide(stretched, rows, width);
}

/** Handles the usual case, a band of up to three values, in one pass without intermediate sums. */
function downNarrow(stretched: Float32Array, rows: Band, width: number): Float32Array {
  const result = new Float32Array(rows.length * width);
  const last = stretched.length - width;
  for (let y = 0; y < rows.length; y++) {
    const weightOf = (k: number) => k < rows.width ? rows.weights[y * rows.width + k]! : 0;
    const [top, middle, bottom] = [weightOf(0), weightOf(1), weightOf(2)];
    const first = rows.starts[y]! * width;
    // A narrower band also reads the missing rows, with weight 0.
    const second = Math.min(first + width, last);
    const third = Math.min(first + 2 * width, last);
    const target = y * width;
    for (let x = 0; x < width; x++) {
      result[target + x] = top * stretched[first + x]! + middle * stretched[second + x]! +
        bottom * stretched[third + x]!;
    }
  }
  return result;
}

function downWide(stretched: Float32Array, rows: Band, width: number): Float32Array {
  const result = new Float32Array(rows.length * width);
  const line = new Float64Array(width);
  for (let y = 0; y < rows.length; y++) {
    line.fill(0);
    // Two source rows at a time read and write each sum half as often.
    for (let k = 0; k < rows.width; k += 2) {
      const share = rows.weights[y * rows.width + k]!;
      const at = (rows.starts[y]! + k) * width;
      const isLast = k + 1 === rows.width;
      const next = isLast ? 0 : rows.weights[y * rows.width + k + 1]!;
      const below = isLast ? at : at + width;
      for (let x = 0; x < width; x++) {
        line[x] = line[x]! + share * stretched[at + x]! + next * stretched[below + x]!;
      }
    }
    result.set(line, y * width);
  }
  return result;
}
