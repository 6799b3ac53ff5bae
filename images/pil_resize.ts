/**
 * Pillow's antialiased resize of 8-bit images, to the last bit.
 *
 * @module
 */

import type { GrayImage, Size } from "../base/geometry.ts";

/** Fraction bits of a weight (Pillow, `Resample.c`: 32 bits less 8 of a pixel and 2 spare). */
const PRECISION_BITS = 22;

/** The number 0.5 in fixed point, which rounds a sum to the nearest integer if it is added. */
const HALF = 1 << (PRECISION_BITS - 1);

/** The input pixels of one output pixel, with their weights. */
interface Taps {
  /** First input pixel. */
  readonly first: number;
  /** Weights of the first and the following input pixels, in fixed point. */
  readonly weights: Int32Array;
}

/** A rectangle of pixels. */
export interface Window {
  /** First column. */
  readonly left: number;
  /** First row. */
  readonly top: number;
  /** Number of columns. */
  readonly width: number;
  /** Number of rows. */
  readonly height: number;
}

/** A filter of Pillow: the half width of its bell at full size, and its weight by distance. */
interface Filter {
  readonly support: number;
  readonly weight: (distance: number) => number;
}

/** Filters by Pillow's names (`Resample.c`). */
const FILTERS = {
  bilinear: { support: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) },
  bicubic: { support: 2, weight: (x) => bicubic(Math.abs(x)) },
} as const satisfies Record<string, Filter>;

/** Options of {@linkcode pilResize}. */
export interface PilResizeOptions {
  /**
   * Filter of Pillow.
   *
   * @default {"bilinear"}
   */
  readonly filter?: keyof typeof FILTERS;
  /**
   * Order of the two passes, which round to 8 bits each. `x-first` is the order of Pillow up to 12.
   * `by-size` is the order of Pillow 13: rows resize first, unless the height loses pixels and more
   * than twice as many as the width.
   *
   * @default {"by-size"}
   */
  readonly order?: "by-size" | "x-first";
  /**
   * The part of the resized image to compute.
   *
   * @default {All of it}
   */
  readonly window?: Window;
}

/**
 * Resizes an image in one pass over rows and one over columns. Pixels have 8 bits between the
 * passes.
 *
 * @param image Row-major `[height, width]`, 0..255.
 * @param size Size of the whole resized image.
 * @returns Row-major `[window.height, window.width]`.
 */
export function pilResize(
  image: GrayImage,
  size: Size,
  { filter = "bilinear", order = "by-size", window = { left: 0, top: 0, ...size } }:
    PilResizeOptions = {},
): Uint8Array<ArrayBuffer> {
  const bell = FILTERS[filter];
  const across = tapsOf(
    { from: image.width, to: size.width, start: window.left, count: window.width },
    bell,
  );
  const down = tapsOf(
    { from: image.height, to: size.height, start: window.top, count: window.height },
    bell,
  );
  const lost = { width: image.width - size.width, height: image.height - size.height };
  if (order === "by-size" && lost.height > Math.max(0, 2 * lost.width)) {
    return resizeRows(resizeColumns(image, down), across).data;
  }
  // The pass over rows skips rows that no output pixel depends on.
  const { first: start } = down[0]!;
  const { first: last, weights: lastWeights } = down.at(-1)!;
  const end = last + lastWeights.length;
  const rows = {
    width: image.width,
    height: end - start,
    data: image.data.subarray(start * image.width, end * image.width),
  };
  return resizeColumns(resizeRows(rows, across), down, start).data;
}

/** Keys' cubic with a = -0.5 at a distance of at least 0, as Pillow computes it. */
function bicubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** An axis to resize, and the range of output pixels to compute. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly count: number;
}

/** The result of a pass. */
interface Resized extends GrayImage {
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The input pixels and weights of each output pixel. */
function tapsOf({ from, to, start, count }: Axis, { support: half, weight }: Filter): Taps[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = half * stretch;
  const inverse = 1 / stretch;
  return Array.from({ length: count }, (_, i) => {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const last = Math.min(Math.trunc(center + support + 0.5), from);
    const exact = Array.from(
      { length: last - first },
      (_, tap) => weight((tap + first - center + 0.5) * inverse),
    );
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    // If the size does not change, one weight is 1 and the rest are 0, which copies the pixel.
    const weights = exact.map((weight) => {
      const fixed = weight / total * (1 << PRECISION_BITS);
      return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    });
    return { first, weights: Int32Array.from(weights) };
  });
}

/** Resizes each row from left to right. */
function resizeRows(image: GrayImage, columns: readonly Taps[]): Resized {
  const width = columns.length;
  const data = new Uint8Array(width * image.height);
  for (let y = 0; y < image.height; y++) {
    const [source, target] = [y * image.width, y * width];
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x]!;
      let sum = HALF;
      for (let tap = 0; tap < weights.length; tap++) {
        sum += image.data[source + first + tap]! * weights[tap]!;
      }
      data[target + x] = clip(sum);
    }
  }
  return { width, height: image.height, data };
}

/**
 * Resizes from top to bottom, a whole row at a time so that memory is read in order. The image
 * lacks the first `skipped` rows.
 */
function resizeColumns(image: GrayImage, rows: readonly Taps[], skipped = 0): Resized {
  const { width } = image;
  const data = new Uint8Array(width * rows.length);
  const sums = new Int32Array(width);
  for (const [y, { first, weights }] of rows.entries()) {
    sums.fill(HALF);
    for (const [tap, weight] of weights.entries()) {
      const source = (first - skipped + tap) * width;
      for (let x = 0; x < width; x++) sums[x]! += image.data[source + x]! * weight;
    }
    for (let x = 0; x < width; x++) data[y * width + x] = clip(sums[x]!);
  }
  return { width, height: rows.length, data };
}

/** Converts a fixed-point sum to a pixel: weights may exceed 1 in sum, and be negative. */
function clip(sum: number): number {
  return Math.max(0, Math.min(sum >> PRECISION_BITS, 255));
}
