/**
 * PNG files of 16 bits a channel.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { grayLevels } from "./gray_levels.ts";
import type { GrayImage } from "./preprocess.ts";

/** Where a PNG says how many bits a channel has. */
const BIT_DEPTH = 24;

/** Where it says whether its rows come in order (0). */
const INTERLACE = 28;

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
 * @throws {TypeError} If it is interlaced: then nothing would limit what is inflated.
 */
export async function decodeDeepPng(
  png: Uint8Array,
  name: string,
): Promise<GrayImage | undefined> {
  if (png[INTERLACE] !== 0) {
    throw new TypeError(`Cannot read ${name}: an interlaced PNG of 16 bits is not supported`);
  }
  const { PNG } = await import("pngjs");
  try {
    const { data, width, height } = PNG.sync.read(Buffer.from(png), { skipRescale: true });
    const first = new Uint16Array(width * height);
    for (let i = 0; i < first.length; i++) first[i] = data[4 * i]!;
    return { data: grayLevels(first, { bits: 16 }), width, height };
  } catch {
    return undefined;
  }
}
