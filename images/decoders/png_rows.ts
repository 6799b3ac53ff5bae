import type { Size } from "../../base/geometry.ts";
import { BIT_DEPTH, CHANNELS, COLOR_TYPE, passesOf, type PngPixels } from "./png_pixels.ts";
import { unfilter } from "./unfilter.ts";

/**
 * Receives the samples of a row, channel by channel, with the row-major index of its first pixel
 * and the distance of its pixels.
 */
export type RowVisitor = (samples: Uint16Array, at: number, distance: number) => void;

/** Width and height in the data of `IHDR`. */
export function sizeOf(header: Uint8Array): Size {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  return { width: view.getUint32(0), height: view.getUint32(4) };
}

/** Colour types without alpha, of which one colour may be transparent. */
const OPAQUE = [0, 2];

/** Samples of the transparent colour, two bytes each; `undefined` if there is none. */
export function transparentColor({ header, transparency }: PngPixels): number[] | undefined {
  const type = header[COLOR_TYPE]!;
  if (!transparency || !OPAQUE.includes(type)) return undefined;
  return Array.from(
    { length: CHANNELS[type]! },
    (_, i) => transparency[2 * i]! << 8 | transparency[2 * i + 1]!,
  );
}

/**
 * Visits the rows of a PNG, pass after pass; undoes their filters in place.
 *
 * @returns Whether every filter is known.
 */
export function visitRows({ header, rows }: PngPixels, visit: RowVisitor): boolean {
  const { width } = sizeOf(header);
  const channels = CHANNELS[header[COLOR_TYPE]!]!;
  const bits = header[BIT_DEPTH]!;
  const pixelLength = Math.max(1, channels * bits >> 3);
  let start = 0;
  for (const { left, top, right, down, columns, rows: lines } of passesOf(header)) {
    const rowLength = Math.ceil(columns * channels * bits / 8);
    const pass = rows.subarray(start, start += lines * (1 + rowLength));
    if (!unfilter(pass, rowLength, pixelLength)) return false;
    const samples = new Uint16Array(columns * channels);
    for (let line = 0; line < lines; line++) {
      const row = pass.subarray(line * (1 + rowLength) + 1, (line + 1) * (1 + rowLength));
      unpack(row, bits, samples);
      visit(samples, (top + line * down) * width + left, right);
    }
  }
  return true;
}

/** Spreads a row's samples, of which several share a byte below 8 bits. */
function unpack(row: Uint8Array, bits: number, samples: Uint16Array): void {
  if (bits === 8) return samples.set(row);
  for (let i = 0; i < samples.length; i++) {
    const bit = i * bits;
    samples[i] = bits === 16
      ? row[2 * i]! << 8 | row[2 * i + 1]!
      : row[bit >> 3]! >> 8 - bits - (bit & 7) & (1 << bits) - 1;
  }
}
