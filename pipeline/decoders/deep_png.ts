/**
 * PNG files of 16 bits a channel.
 *
 * @module
 */

import { Z_NO_FLUSH, Z_OK, Z_STREAM_END, zlibInflate, zlibInflateInit, ZStream } from "pako";
import { grayLevels } from "../gray_levels.ts";
import type { GrayImage } from "../preprocess.ts";
import { isSoundPng, pngChunks } from "./png_chunks.ts";
import { unfilter } from "./unfilter.ts";

/** Where a PNG says its width and height. */
const SIZE = 16;

/** Where it says how many bits a channel has. */
const BIT_DEPTH = 24;

/** Where it says what its channels are. */
const COLOR_TYPE = 25;

/** Where it says how it is compressed and filtered; there is one way of each, 0. */
const METHODS = [26, 27];

/** Where it says whether its rows come in order (0). */
const INTERLACE = 28;

const GRAY = 0;
const RGB = 2;

/** Channels by colour type; what has a palette has no 16 bits. */
const CHANNELS: Readonly<Record<number, number>> = { [GRAY]: 1, [RGB]: 3, 4: 2, 6: 4 };

/** Bytes that deflate packs into one at most. */
const DENSITY = 1032;

/** Whether a PNG has 16 bits a channel. */
export function isDeepPng(png: Uint8Array): boolean {
  return png[BIT_DEPTH] === 16;
}

/**
 * The first channel of a 16-bit PNG, its grey spread over the values that
 * occur: many hold 10 or 12 bits and would be all but black.
 *
 * @param png The file.
 * @param name What it is called in errors.
 * @returns `undefined` if it is corrupt.
 * @throws {TypeError} If it is interlaced.
 */
export function decodeDeepPng(png: Uint8Array, name: string): GrayImage | undefined {
  if (png[INTERLACE] !== 0) {
    throw new TypeError(`Cannot read ${name}: an interlaced PNG of 16 bits is not supported`);
  }
  if (!isSoundPng(png) || METHODS.some((at) => png[at] !== 0)) return undefined;
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const [width, height] = [view.getUint32(SIZE), view.getUint32(SIZE + 4)];
  const colorType = png[COLOR_TYPE]!;
  const pixelLength = 2 * (CHANNELS[colorType] ?? 0);
  const rowLength = pixelLength * width;
  if (rowLength === 0 || height === 0) return undefined;

  const bytes = inflate(png, (1 + rowLength) * height);
  if (!bytes || !unfilter(bytes, rowLength, pixelLength)) return undefined;
  const nothing = colorType === GRAY || colorType === RGB ? transparentColor(png) : undefined;
  if (nothing && nothing.length < pixelLength) return undefined;
  const first = new Uint16Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const row = y * (1 + rowLength) + 1;
    for (let at = row; at < row + rowLength; at += pixelLength, i++) {
      const isNothing = nothing && matches(bytes, at, nothing, pixelLength);
      first[i] = isNothing ? 0 : bytes[at]! << 8 | bytes[at + 1]!;
    }
  }
  return { data: grayLevels(first, { bits: 16 }), width, height };
}

/** The colour that stands for no pixel, where there is one. */
function transparentColor(png: Uint8Array): Uint8Array | undefined {
  let color: Uint8Array | undefined;
  for (const { type, data } of pngChunks(png)) if (type === "tRNS") color = data;
  return color;
}

/** Whether bytes from a position on are the first of others. */
function matches(bytes: Uint8Array, at: number, others: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[at + i] !== others[i]) return false;
  return true;
}

/**
 * Inflates the pixels of a PNG, and no more than is expected.
 *
 * @returns `undefined` if they are not whole or of another length.
 */
function inflate(png: Uint8Array, length: number): Uint8Array | undefined {
  if (length > png.length * DENSITY) return undefined;
  const stream = new ZStream();
  zlibInflateInit(stream);
  stream.output = new Uint8Array(length);
  stream.avail_out = length;
  let status: number = Z_OK;
  for (const { type, data } of pngChunks(png)) {
    if (type !== "IDAT" || data.length === 0) continue;
    if (status !== Z_OK) return undefined;
    stream.input = data;
    stream.next_in = 0;
    stream.avail_in = data.length;
    status = zlibInflate(stream, Z_NO_FLUSH);
    if (stream.avail_in > 0) return undefined;
  }
  return status === Z_STREAM_END && stream.avail_out === 0 ? stream.output : undefined;
}
