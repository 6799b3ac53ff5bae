import type { GrayImage, Size } from "../base/geometry.ts";

/** A rectangle of values. */
export interface Raster extends Size {
  /** Row-major `[height, width]`. */
  readonly data: ArrayLike<number>;
}

/** Resizes values: averages areas to shrink, and repeats the nearest pixels to grow. */
export function resample(
  { data, width, height }: Raster,
  toWidth: number,
  toHeight: number,
): Float32Array {
  const result = new Float32Array(toWidth * toHeight);
  const spans = (from: number, to: number) =>
    Array.from({ length: to }, (_, i): [number, number] => {
      const start = Math.min(from - 1, Math.floor(i * from / to));
      return [start, Math.max(start + 1, Math.min(from, Math.floor((i + 1) * from / to)))];
    });
  const [columns, rows] = [spans(width, toWidth), spans(height, toHeight)];
  let i = 0;
  for (const [top, bottom] of rows) {
    for (const [left, right] of columns) {
      let sum = 0;
      for (let row = top; row < bottom; row++) {
        for (let at = row * width + left; at < row * width + right; at++) sum += data[at]!;
      }
      result[i++] = sum / ((bottom - top) * (right - left));
    }
  }
  return result;
}

/** Reduces an X-ray to a longer side of at most `most` pixels; a smaller X-ray stays as it is. */
export function reduce(
  gray: GrayImage,
  most: number,
): Size & { readonly data: Uint8Array<ArrayBuffer> } {
  const scale = Math.min(1, most / Math.max(gray.width, gray.height));
  const scaled = (side: number) => Math.max(1, Math.round(scale * side));
  const [width, height] = [scaled(gray.width), scaled(gray.height)];
  return { data: Uint8Array.from(resample(gray, width, height), Math.round), width, height };
}
