/**
 * Pillow's antialiased bilinear resize of 8-bit images, to the last bit.
 *
 * @module
 */

/** Bits after the point of a weight (Pillow, `Resample.c`: 32 bits less 8 of a pixel and 2 spare). */
const PRECISION_BITS = 22;

/** A half in that fixed point, which rounds a sum to the nearest. */
const HALF = 1 << (PRECISION_BITS - 1);

/** What one output pixel is made of. */
interface Taps {
  /** First input pixel. */
  readonly first: number;
  /** Weight of it and those that follow, in fixed point. */
  readonly weights: Int32Array;
}

/** The weights of output pixels `start` to `end - 1`. */
function taps(inputs: number, outputs: number, start: number, end: number): Taps[] {
  const scale = inputs / outputs;
  const support = Math.max(scale, 1); // the triangle's half width in input pixels
  return Array.from({ length: end - start }, (_, i) => {
    const centre = (start + i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), inputs);
    const inverse = 1 / support;
    const exact = Array.from(
      { length: last - first },
      (_, tap) => Math.max(1 - Math.abs((tap + first - centre + 0.5) * inverse), 0),
    );
    const total = exact.reduce((sum, weight) => sum + weight, 0);
    return {
      first,
      weights: Int32Array.from(
        exact,
        (weight) => Math.trunc(0.5 + weight / total * (1 << PRECISION_BITS)),
      ),
    };
  });
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

/** One channel of an 8-bit image. */
interface Gray {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * A window of a resized image. Rows are resized first, then columns, with 8-bit
 * pixels in between; a side that stays as it is takes no pass.
 *
 * @param image Row-major `[height, width]`, 0..255.
 * @param size Size of the whole resized image.
 * @param window The part of it that is wanted, and alone computed.
 * @returns Row-major `[window.height, window.width]`.
 */
export function pilResize(
  image: Gray,
  size: { readonly width: number; readonly height: number },
  window: Window,
): Uint8Array<ArrayBuffer> {
  const { left, top, width, height } = window;
  const columns = taps(image.width, size.width, left, left + width);
  const rows = taps(image.height, size.height, top, top + height);
  const wide = size.width !== image.width;
  const high = size.height !== image.height;
  const from = high ? rows[0]!.first : top;
  const to = high ? rows.at(-1)!.first + rows.at(-1)!.weights.length : top + height;

  const middle = new Uint8Array((to - from) * width);
  for (let y = from; y < to; y++) {
    const source = y * image.width;
    const target = (y - from) * width;
    if (!wide) {
      middle.set(image.data.subarray(source + left, source + left + width), target);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x]!;
      let sum = HALF;
      for (let tap = 0; tap < weights.length; tap++) {
        sum += image.data[source + first + tap]! * weights[tap]!;
      }
      middle[target + x] = clip(sum);
    }
  }
  if (!high) return middle;
  const result = new Uint8Array(width * height);
  const sums = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y]!;
    sums.fill(HALF);
    for (let tap = 0; tap < weights.length; tap++) {
      const source = (first - from + tap) * width;
      const weight = weights[tap]!;
      for (let x = 0; x < width; x++) sums[x]! += middle[source + x]! * weight;
    }
    for (let x = 0; x < width; x++) result[y * width + x] = clip(sums[x]!);
  }
  return result;
}

/** A sum in fixed point as a pixel; weights of rounded thirds may add up to a little over 1. */
function clip(sum: number): number {
  return Math.min(sum >> PRECISION_BITS, 255);
}
