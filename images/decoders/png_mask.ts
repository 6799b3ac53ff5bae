/**
 * Reads a mask from a PNG file.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";
import { BIT_DEPTH, CHANNELS, COLOR_TYPE, INTERLACE, PASSES, pngPixels } from "./png_pixels.ts";
import { unfilter } from "./unfilter.ts";

/** A mask of 0 and 1. */
export interface PngMaskPixels extends Size {
  /** Row-major `[height, width]`. */
  readonly data: Uint8Array;
}

/** Colour types of PNG. */
const GRAY = 0;
const RGB = 2;
const PALETTE = 3;

/** Passes of a picture that is not interlaced. */
const ONE_PASS = [[0, 0, 1, 1]] as const;

/**
 * Reads which pixels of a PNG are marked. With transparent pixels, these are the opaque pixels: any
 * alpha above 0. Without transparent pixels, these are the pixels that are not black. Many tools
 * write an alpha channel that is opaque everywhere, so such a channel says nothing.
 *
 * @param png The file; the caller has checked the size in its header.
 * @returns `undefined` if the file is corrupt.
 */
export function pngMask(png: Uint8Array): PngMaskPixels | undefined {
  const found = pngPixels(png);
  if (!found) return undefined;
  const { header, rows } = found;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const channels = CHANNELS[header[COLOR_TYPE]!]!;
  const bits = header[BIT_DEPTH]!;
  const pixelLength = Math.max(1, channels * bits >> 3);
  const { isOpaque, isColored } = readers(found);
  const opaque = new Uint8Array(width * height);
  const colored = new Uint8Array(width * height);
  let isWhollyOpaque = true;
  let start = 0;
  for (const [left, top, right, down] of header[INTERLACE] === 0 ? ONE_PASS : PASSES) {
    const [columns, lines] = [Math.ceil((width - left) / right), Math.ceil((height - top) / down)];
    if (columns <= 0 || lines <= 0) continue;
    const rowLength = Math.ceil(columns * channels * bits / 8);
    const pass = rows.subarray(start, start += lines * (1 + rowLength));
    if (!unfilter(pass, rowLength, pixelLength)) return undefined;
    for (let line = 0; line < lines; line++) {
      const row = pass.subarray(line * (1 + rowLength) + 1, (line + 1) * (1 + rowLength));
      let at = (top + line * down) * width + left;
      for (let column = 0; column < columns; column++, at += right) {
        opaque[at] = isOpaque(row, column) ? 1 : 0;
        colored[at] = isColored(row, column) ? 1 : 0;
        isWhollyOpaque &&= opaque[at] === 1;
      }
    }
  }
  return { data: isWhollyOpaque ? colored : opaque, width, height };
}

/** Functions that read a pixel by its column in an unfiltered row. */
function readers(
  { header, palette = new Uint8Array(), transparency }: NonNullable<ReturnType<typeof pngPixels>>,
) {
  const type = header[COLOR_TYPE]!;
  const bits = header[BIT_DEPTH]!;
  const channels = CHANNELS[type]!;
  const hasAlpha = channels % 2 === 0;
  const colors = hasAlpha ? channels - 1 : channels;
  const bytes = bits / 8;
  /** A sample of less than 8 bits, which shares its byte. */
  const packed = (row: Uint8Array, column: number) => {
    const bit = column * bits;
    return row[bit >> 3]! >> 8 - bits - (bit & 7) & (1 << bits) - 1;
  };
  const isAny = (row: Uint8Array, from: number, count: number) => {
    for (let at = from; at < from + count; at++) if (row[at] !== 0) return true;
    return false;
  };
  if (type === PALETTE) {
    return {
      isOpaque: (row: Uint8Array, column: number) => transparency?.[packed(row, column)] !== 0,
      isColored: (row: Uint8Array, column: number) => isAny(palette, 3 * packed(row, column), 3),
    };
  }
  // The transparent colour of a picture without alpha, with two bytes for each channel.
  const nothing = type === GRAY || type === RGB ? transparency : undefined;
  const level = (row: Uint8Array, column: number, channel: number) => {
    const at = (column * channels + channel) * bytes;
    return bits < 8 ? packed(row, column) : bits === 8 ? row[at]! : row[at]! << 8 | row[at + 1]!;
  };
  return {
    isOpaque: (row: Uint8Array, column: number) => {
      if (hasAlpha) return level(row, column, colors) > 0;
      if (!nothing) return true;
      for (let channel = 0; channel < colors; channel++) {
        const value = nothing[2 * channel]! << 8 | nothing[2 * channel + 1]!;
        if (level(row, column, channel) !== value) return true;
      }
      return false;
    },
    isColored: (row: Uint8Array, column: number) =>
      bits < 8 ? packed(row, column) > 0 : isAny(row, column * channels * bytes, colors * bytes),
  };
}
