/**
 * Heatmaps and masks as grey PNG files.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Size } from "../../base/geometry.ts";

/** The colour type of one channel. */
const GRAY = 0;

/** The filter that tells a row from the one above: of a heatmap by nearest neighbour most are alike. */
const UP = 2;

/**
 * Writes grey values as a PNG of 8 or 16 bits.
 *
 * @param values Row-major `[height, width]`, of whole values that fill 8 or 16 bits; an array that
 * has its buffer to itself.
 * @param size Its size.
 */
export async function encodeGrayPng(
  values: Uint8Array | Uint16Array,
  { width, height }: Size,
): Promise<Uint8Array> {
  const { PNG } = await import("pngjs");
  const options = {
    ...{ colorType: GRAY, inputColorType: GRAY, inputHasAlpha: false, filterType: UP },
    ...{ bitDepth: values.BYTES_PER_ELEMENT === 2 ? 16 : 8, deflateLevel: 6 },
  };
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return PNG.sync.write({ width, height, data }, options);
}
