/**
 * Bilinear resizing in plain TypeScript: the twin of the `resize` shader.
 *
 * @module
 */

import type { Size } from "../base/geometry.ts";

/** For each output pixel of one axis, the two source pixels that it blends and their shares. */
export interface AxisTaps {
  /** Index of the source pixel at or before the sampling point. */
  readonly lower: Int32Array;
  /** Index of the next source pixel, or of the last one at the edge. */
  readonly upper: Int32Array;
  /** Share of `upper`, 0..1; `lower` has the rest. */
  readonly weight: Float32Array;
}

/** A part of the output of one axis, for callers that need only a crop. */
export interface AxisRange {
  /**
   * First output pixel.
   * @default 0
   */
  readonly start?: number;
  /**
   * Number of output pixels.
   * @default all from `start` on
   */
  readonly count?: number;
}

/**
 * The source pixels and weights of a bilinear resize along one axis, with half-pixel centres and
 * clamped edges (PyTorch's `align_corners=False`).
 *
 * @param inputLength Length of the source axis in pixels.
 * @param outputLength Length of the whole resized axis in pixels.
 * @param range Part of the resized axis to compute.
 * @throws {RangeError} If a length is not a positive integer.
 */
export function bilinearTaps(
  inputLength: number,
  outputLength: number,
  range: AxisRange = {},
): AxisTaps {
  requireLength(inputLength, "source");
  requireLength(outputLength, "resized");
  const start = range.start ?? 0;
  const count = range.count ?? outputLength - start;
  const lower = new Int32Array(count);
  const upper = new Int32Array(count);
  const weight = new Float32Array(count);
  // PyTorch rounds the scale to float32. Whether it also rounds the sampling point depends on its
  // version; the version behind the reference values did not.
  const scale = Math.fround(inputLength / outputLength);
  const last = inputLength - 1;
  for (let index = 0; index < count; index++) {
    const point = Math.max(scale * (start + index + 0.5) - 0.5, 0);
    const base = Math.min(Math.floor(point), last);
    lower[index] = base;
    upper[index] = Math.min(base + 1, last);
    weight[index] = Math.min(point - base, 1);
  }
  return { lower, upper, weight };
}

/**
 * Resizes a map bilinearly, to any size, up or down, without antialiasing. Equals PyTorch's
 * `interpolate(mode="bilinear", align_corners=False)`, except for the rounding of sampling points.
 * In PyTorch 2.15 this changes values of 0..1 by up to 3e-5.
 *
 * @param source Row-major map, `[from.height, from.width]`.
 * @param from Size of the source in pixels.
 * @param to Size of the result in pixels.
 * @returns Row-major map, `[to.height, to.width]`.
 * @throws {RangeError} If a size is not positive and whole, or does not fit the data.
 */
export function resizeBilinear(source: Float32Array, from: Size, to: Size): Float32Array {
  const columns = bilinearTaps(from.width, to.width);
  const rows = bilinearTaps(from.height, to.height);
  if (source.length !== from.width * from.height) {
    throw new RangeError(
      `Cannot resize a map: expected ${from.width} x ${from.height} = ` +
        `${from.width * from.height} values, got ${source.length}`,
    );
  }
  const { width, height } = to;
  const result = new Float32Array(width * height);
  // The two source rows in use, stretched to the output's width: [width] each.
  let above = new Float32Array(width);
  let below = new Float32Array(width);
  let aboveRow = -1;
  let belowRow = -1;
  for (let y = 0; y < height; y++) {
    const upperRow = rows.lower[y]!;
    const lowerRow = rows.upper[y]!;
    if (upperRow !== aboveRow) {
      if (upperRow === belowRow) {
        [above, below] = [below, above];
        belowRow = -1;
      } else {
        stretchRow(source, upperRow * from.width, columns, above);
      }
      aboveRow = upperRow;
    }
    if (lowerRow !== belowRow) {
      stretchRow(source, lowerRow * from.width, columns, below);
      belowRow = lowerRow;
    }
    const share = rows.weight[y]!;
    const rest = 1 - share;
    const target = y * width;
    for (let x = 0; x < width; x++) {
      result[target + x] = rest * above[x]! + share * below[x]!;
    }
  }
  return result;
}

/** Blends one source row, starting at `offset`, into `target` at the output's width. */
function stretchRow(
  source: Float32Array,
  offset: number,
  columns: AxisTaps,
  target: Float32Array,
): void {
  const { lower, upper, weight } = columns;
  for (let x = 0; x < target.length; x++) {
    const share = weight[x]!;
    target[x] = (1 - share) * source[offset + lower[x]!]! +
      share * source[offset + upper[x]!]!;
  }
}

function requireLength(length: number, which: string): void {
  if (!Number.isInteger(length) || length < 1) {
    throw new RangeError(
      `Cannot resize: the ${which} length must be a positive whole number of pixels, got ${length}`,
    );
  }
}
