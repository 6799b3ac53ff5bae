/**
 * Pillow's antialiased bilinear resize of 8-bit images, to the last bit.
 *
 * @module
 */

import type { GrayImage, Size } from "../../base/geometry.ts";

/** Fraction bits of a weight (Pillow, `Resample.c`: 32 bits less 8 of a pixel and 2 spare). */
const PRECISION_BITS = 22;

/** One half in fixed point; adding it rounds a sum to the nearest integer. */
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

/**
 * Computes a window of a resized image, in one pass over rows and one over columns. Pixels have
 * 8 bits between the passes.
 *
 * @param image Row-major `[height, width]`, 0..255.
 * @param size Size of the whole resized image.
 * @param window The part of the resized image to compute.
 * @returns Row-major `[window.height, window.width]`.
 */
export function pilResize(
  image: GrayImage,
  size: Size,
  window: Window,
): Uint8Array<ArrayBuffer> {
  const across = { from: image.width, to: size.width, start: window.left, count: window.width };
  const down = { from: image.height, to: size.height, start: window.top, count: window.height };
  // Pillow 13 resizes columns first if an image is more than twice as tall as wide and its height
  // shrinks.
  if (image.height > 2 * image.width && size.height < image.height) {
    return resizeRows(resizeColumns(image, down), across).data;
  }
  // The pass over rows skips rows that no output pixel depends on.
  const needed = reach(down);
  const rows = {
    width: image.width,
    height: needed.end - needed.start,
    data: image.data.subarray(needed.start * image.width, needed.end * image.width),
  };
  return resizeColumns(resizeRows(rows, across), down, needed.start).data;
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
function tapsOf({ from, to, start, count }: Axis): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1); // the triangle's half width in input pixels
  return Array.from({ length: count }, (_, i) => {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const last = Math.min(Math.trunc(center + support + 0.5), from);
    const inverse = 1 / support;
    const exact = Array.from(
      { length: last - first },
      (_, tap) => Math.max(1 - Math.abs((tap + first - center + 0.5) * inverse), 0),
    );
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    // If the size does not change, one weight is 1 and the rest are 0, which copies the pixel.
    const weights = exact.map((weight) => Math.trunc(0.5 + weight / total * (1 << PRECISION_BITS)));
    return { first, weights: Int32Array.from(weights) };
  });
}

/** The range of input pixels that the output pixels depend on. */
function reach(axis: Axis): { start: number; end: number } {
  const all = tapsOf(axis);
  const { first, weights } = all.at(-1)!;
  return { start: all[0]!.first, end: first + weights.length };
}

/** Resizes each row from left to right. */
function resizeRows(image: GrayImage, axis: Axis): Resized {
  const columns = tapsOf(axis);
  const data = new Uint8Array(axis.count * image.height);
  for (let y = 0; y < image.height; y++) {
    const [source, target] = [y * image.width, y * axis.count];
    for (let x = 0; x < axis.count; x++) {
      const { first, weights } = columns[x]!;
      let sum = HALF;
      for (let tap = 0; tap < weights.length; tap++) {
        sum += image.data[source + first + tap]! * weights[tap]!;
      }
      data[target + x] = clip(sum);
    }
  }
  return { width: axis.count, height: image.height, data };
}

/**
 * Resizes from top to bottom, a whole row at a time so that memory is read in order. The image
 * lacks the first `skipped` rows.
 */
function resizeColumns(image: GrayImage, axis: Axis, skipped = 0): Resized {
  const { width } = image;
  const data = new Uint8Array(width * axis.count);
  const sums = new Int32Array(width);
  for (const [y, { first, weights }] of tapsOf(axis).entries()) {
    sums.fill(HALF);
    for (const [tap, weight] of weights.entries()) {
      const source = (first - skipped + tap) * width;
      for (let x = 0; x < width; x++) sums[x]! += image.data[source + x]! * weight;
    }
    for (let x = 0; x < width; x++) data[y * width + x] = clip(sums[x]!);
  }
  return { width, height: axis.count, data };
}

/** Converts a fixed-point sum to a pixel, at most 255: rounded weights may exceed 1 in sum. */
function clip(sum: number): number {
  return Math.min(sum >> PRECISION_BITS, 255);
}
