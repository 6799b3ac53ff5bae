/**
 * Decodes PNG files with 16 bits per channel.
 *
 * @module
 */

import { InputTypeError } from "../../base/errors.ts";
import { grayLevels } from "../gray_levels.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { BIT_DEPTH, CHANNELS, COLOR_TYPE, INTERLACE, pngPixels } from "./png_pixels.ts";
import { unfilter } from "./unfilter.ts";

/** Position of the data of `IHDR` in a PNG file. */
const HEADER = 16;

const GRAY = 0;
const RGB = 2;

/** Whether a PNG has 16 bits per channel. */
export function isDeepPng(png: Uint8Array): boolean {
  return png[HEADER + BIT_DEPTH] === 16;
}

/**
 * Decodes the first channel of a 16-bit PNG. Grey is spread over the values that
 * occur: many files use only 10 or 12 bits and would otherwise look almost black.
 *
 * @param png The file.
 * @param name Name of the file in errors.
 * @returns `undefined` if the file is corrupt.
 * @throws {TypeError} If the picture is interlaced.
 */
export function decodeDeepPng(png: Uint8Array, name: string): GrayImage | undefined {
  if (png[HEADER + INTERLACE] !== 0) {
    throw new InputTypeError(`Cannot read ${name}: an interlaced PNG of 16 bits is not supported`);
  }
  const found = pngPixels(png);
  if (!found) return undefined;
  const { header, rows: bytes, transparency } = found;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const colorType = header[COLOR_TYPE]!;
  const pixelLength = 2 * CHANNELS[colorType]!;
  const rowLength = pixelLength * width;
  if (!unfilter(bytes, rowLength, pixelLength)) return undefined;
  const nothing = colorType === GRAY || colorType === RGB ? transparency : undefined;
  if (nothing && nothing.length < pixelLength) return undefined;
  const first = new Uint16Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const row = y * (1 + rowLength) + 1;
    for (let at = row; at < row + rowLength; at += pixelLength, i++) {
      const isNothing = nothing && matches(bytes, at, nothing, pixelLength);
      first[i] = isNothing ? 0 : bytes[at]! << 8 | bytes[at + 1]!;
    }
  }
  return { data: grayLevels(first, { bits: 16 }).data, width, height };
}

/** Whether the bytes from a position on equal the first bytes of another array. */
function matches(bytes: Uint8Array, at: number, others: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== others[i]) return false;
  return true;
}
