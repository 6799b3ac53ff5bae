/**
 * X-rays and heatmaps at the size of a picture.
 *
 * @module
 */

import type { Size } from "../shaders/resize_cpu.ts";

/** Values row by row. */
export interface Raster extends Size {
  /** Row-major `[height, width]`. */
  readonly data: ArrayLike<number>;
}

/** The values at another size: area means when it shrinks, nearest pixels when it grows. */
export function resample(
  { data, width, height }: Raster,
  toWidth: number,
  toHeight: number,
): Float32Array {
  const result = new Float32Array(toWidth * toHeight);
  const span = (i: number, from: number, to: number): [number, number] => {
    const start = Math.min(from - 1, Math.floor(i * from / to));
    return [start, Math.max(start + 1, Math.min(from, Math.floor((i + 1) * from / to)))];
  };
  for (let y = 0; y < toHeight; y++) {
    const [top, bottom] = span(y, height, toHeight);
    for (let x = 0; x < toWidth; x++) {
      const [left, right] = span(x, width, toWidth);
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) sum += data[row * width + column]!;
      }
      result[y * toWidth + x] = sum / ((bottom - top) * (right - left));
    }
  }
  return result;
}
