import { Buffer } from "node:buffer";
import type { Size } from "../../base/geometry.ts";

/** PNG's colour type for one grey channel. */
const GRAY = 0;

/** PNG's filter of differences to the row above: most rows of an enlarged heatmap are equal. */
const UP = 2;

/**
 * Encodes grey values as a PNG of 8 or 16 bits.
 *
 * @param values Row-major `[height, width]`, 0..255 or 0..65535. The array must cover its whole
 * buffer.
 * @param size Size of the image in pixels.
 */
export async function encodeGrayPng(
  values: Uint8Array | Uint16Array,
  { width, height }: Size,
): Promise<Uint8Array> {
  const { PNG } = await import("pngjs");
  const options = {
    colorType: GRAY,
    inputColorType: GRAY,
    inputHasAlpha: false,
    filterType: UP,
    bitDepth: values.BYTES_PER_ELEMENT === 2 ? 16 : 8,
    deflateLevel: 6,
  };
  const data = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return PNG.sync.write({ width, height, data }, options);
}
