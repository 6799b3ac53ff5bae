/**
 * Recognises PNG and JPEG files and reads their size. A decoder gets the bytes only
 * afterwards, because a few bytes can claim billions of pixels.
 *
 * @module
 */

import type { Size } from "../base/geometry.ts";
import { jpegStream } from "./decoders/jpeg_stream.ts";
import { PNG_SIGNATURE, pngChunks } from "./decoders/png_chunks.ts";

/** Facts about an image file that are known without decoding its pixels. */
export interface ImageHeader {
  /** File format. */
  readonly format: "PNG" | "JPEG";
  /** Width and height in pixels; absent if the file ends before they are stated. */
  readonly size?: Size;
  /**
   * Whether the file has enough bytes for its pixels, and has its end (PNG) or a scan (JPEG).
   * Decoders silently fill missing pixels with grey.
   */
  readonly isWhole: boolean;
  /** Whether the file holds several pictures. */
  readonly isAnimation?: boolean;
  /** Number of scans over the pixels of a JPEG; usually 1 or 3 if the JPEG is not progressive. */
  readonly scans?: number;
}

/** The start marker of a JPEG, and the first byte of the next marker. */
const JPEG_START = [0xff, 0xd8, 0xff];

/** Most pixels per byte of a PNG: deflate packs up to 1032 bytes of 8 pixels each into one. */
const PNG_DENSITY = 8 * 1032;
/** Most pixels per byte of a JPEG: a scan takes at least one bit for a block of 8x8 pixels. */
const JPEG_DENSITY = 8 * 64;

/**
 * Reads the header of a PNG or JPEG file.
 *
 * @returns `undefined` if the file is neither PNG nor JPEG.
 */
export function imageHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return pngHeader(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(bytes);
  return undefined;
}

/** Number of bytes at the start of a file in which a misplaced image is searched. */
const START_REACH = 1024;

/**
 * Finds a PNG or JPEG after other bytes, where no decoder would find it.
 *
 * @returns `undefined` if no PNG or JPEG begins near the start of the file.
 */
export function imageStart(
  bytes: Uint8Array,
): { readonly format: ImageHeader["format"]; readonly at: number } | undefined {
  for (let at = 1; at < START_REACH; at++) {
    const isHere = (signature: ArrayLike<number>) =>
      Array.from(signature).every((byte, i) => bytes[at + i] === byte);
    if (isHere(PNG_SIGNATURE)) return { format: "PNG", at };
    if (isHere(JPEG_START)) return { format: "JPEG", at };
  }
  return undefined;
}

/** Reads the size of a PNG, and goes through its chunks to the end. */
function pngHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) return { format: "PNG", isWhole: false };
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  let isWhole = false;
  let isAnimation = false;
  for (const chunk of pngChunks(bytes)) {
    const { type } = chunk;
    isAnimation ||= type === "acTL";
    if (type !== "IEND") continue;
    isWhole = !chunk.isCut && size.width * size.height <= bytes.length * PNG_DENSITY;
    break;
  }
  return { format: "PNG", size, isWhole, isAnimation };
}

/** Reads a JPEG: segments up to the first scan, then scans up to the end marker. */
function jpegHeader(bytes: Uint8Array): ImageHeader {
  const stream = jpegStream(bytes);
  if (!stream) return { format: "JPEG", isWhole: false };
  const { bytes: picture, size, scans } = stream;
  const isWhole = !size || size.width * size.height <= picture.length * JPEG_DENSITY;
  return { format: "JPEG", ...(size && { size }), isWhole, scans };
}
