/**
 * Resizing with antialiasing: bilinear taps that widen as an image shrinks.
 *
 * @module
 */

import { type Cover, coveredLength, type GrayImage, type Size } from "../base/geometry.ts";
import { halfToEven } from "../base/half_to_even.ts";
import type { AxisRange } from "../shaders/resize_cpu.ts";

/** For each output pixel of one axis, the source pixels that it blends and their shares. */
export interface WideTaps {
  /** First source pixel of each output pixel. */
  readonly first: Int32Array;
  /** Shares of the source pixels from the first on; they sum to 1. */
  readonly weights: readonly Float32Array[];
}

/**
 * The source pixels and weights of PyTorch's antialiased bilinear resize along one axis
 * (`_compute_indices_min_size_weights_aa` in ATen). A triangle as wide as two output pixels blends
 * the source; an axis that grows takes plain bilinear weights.
 *
 * @param inputLength Length of the source axis in pixels, at least 1.
 * @param outputLength Length of the whole resized axis in pixels, at least 1.
 * @param range Part of the resized axis to compute.
 */
export function antialiasTaps(
  inputLength: number,
  outputLength: number,
  { start = 0, count = outputLength - start }: AxisRange = {},
): WideTaps {
  // PyTorch keeps all of these numbers in float32.
  const scale = Math.fround(inputLength / outputLength);
  const support = Math.max(scale, 1);
  const inverse = Math.fround(1 / support);
  const first = new Int32Array(count);
  const weights = Array.from({ length: count }, (_, i) => {
    const center = Math.fround(scale * (start + i + 0.5));
    const from = Math.max(Math.trunc(center - support + 0.5), 0);
    const to = Math.min(Math.trunc(center + support + 0.5), inputLength);
    first[i] = from;
    const shares = new Float32Array(to - from);
    let total = 0;
    for (let j = 0; j < shares.length; j++) {
      const distance = Math.abs(Math.fround(j + from - center + 0.5) * inverse);
      shares[j] = Math.max(1 - distance, 0);
      total += shares[j]!;
    }
    for (let j = 0; j < shares.length; j++) shares[j]! /= total;
    return shares;
  });
  return { first, weights };
}

/** Taps of both axes for a square in the middle of a resized image. */
export interface SquareTaps {
  /** Taps from left to right. */
  readonly columns: WideTaps;
  /** Taps from top to bottom. */
  readonly rows: WideTaps;
}

/**
 * The taps of torchvision's `Resize(size)` and `CenterCrop(size)` on a float tensor.
 *
 * @param image Width and height in pixels.
 * @param size Side of the result in pixels.
 * @param cover Part of the image that becomes the result; by default the central square of the
 * shorter side, as in torchvision.
 */
export function squareTaps(
  { width, height }: Size,
  size: number,
  cover: Cover = Math.min(width, height),
): SquareTaps {
  const axis = (length: number) => {
    const resized = Math.trunc(size * length / coveredLength(cover, length));
    return antialiasTaps(length, resized, { start: halfToEven((resized - size) / 2), count: size });
  };
  return { columns: axis(width), rows: axis(height) };
}

/**
 * Maps 0..255 to 0..1, resizes the shorter side to `size` with antialiasing and crops the centre.
 *
 * @param gray The image's first channel.
 * @param size Side of the result in pixels.
 * @returns Row-major `[size, size]`, values 0..1.
 */
export function preprocessAntialiased(gray: GrayImage, size: number): Float32Array {
  const { data, width } = gray;
  const { columns, rows } = squareTaps(gray, size);
  const result = new Float32Array(size * size);
  /** Source rows at the output's width; a row of the output needs some neighbouring rows. */
  const stretched = new Map<number, Float32Array>();
  const stretch = (row: number) => {
    const line = new Float32Array(size);
    for (let x = 0; x < size; x++) {
      let sum = 0;
      const at = row * width + columns.first[x]!;
      columns.weights[x]!.forEach((share, i) => sum += share * data[at + i]! / 255);
      line[x] = sum;
    }
    stretched.set(row, line);
    return line;
  };
  for (let y = 0; y < size; y++) {
    const from = rows.first[y]!;
    for (const row of stretched.keys()) if (row < from) stretched.delete(row);
    const target = result.subarray(y * size, (y + 1) * size);
    rows.weights[y]!.forEach((share, i) => {
      const line = stretched.get(from + i) ?? stretch(from + i);
      for (let x = 0; x < size; x++) target[x]! += share * line[x]!;
    });
  }
  return result;
}
