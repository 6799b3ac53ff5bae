import { InputTypeError } from "../../base/errors.ts";
import { grayLevels } from "../gray_levels.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { BIT_DEPTH, CHANNELS, COLOR_TYPE, INTERLACE, pngPixels } from "./png_pixels.ts";
import { sizeOf, transparentColor, visitRows } from "./png_rows.ts";

/** Position of the data of `IHDR` in a PNG file. */
const HEADER = 16;

/** Whether a PNG has 16 bits per channel. */
export function isDeepPng(png: Uint8Array): boolean {
  return png[HEADER + BIT_DEPTH] === 16;
}

/**
 * Decodes the first channel of a 16-bit PNG. Grey is spread over the values that
 * occur: many files use only 10 or 12 bits and would otherwise look almost black.
 *
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
  const { header, transparency = new Uint8Array() } = found;
  const { width, height } = sizeOf(header);
  const channels = CHANNELS[header[COLOR_TYPE]!]!;
  const nothing = transparentColor(found);
  if (nothing && transparency.length < 2 * channels) return undefined;
  const first = new Uint16Array(width * height);
  const isRead = visitRows(found, (samples, at) => {
    for (let i = 0; i < samples.length; i += channels, at++) {
      const isNothing = nothing?.every((value, channel) => samples[i + channel] === value);
      first[at] = isNothing ? 0 : samples[i]!;
    }
  });
  if (!isRead) return undefined;
  return { data: grayLevels(first, { bits: 16 }).data, width, height };
}
