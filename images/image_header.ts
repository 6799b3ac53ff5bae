/**
 * Tells PNG and JPEG apart from anything else and reads their size, before a
 * decoder is given the bytes: a few bytes can claim billions of pixels.
 *
 * @module
 */

import { jpegStream } from "./decoders/jpeg_stream.ts";
import { PNG_SIGNATURE } from "./decoders/png_chunks.ts";

/** What the frame of an image file says, without its pixels. */
export interface ImageHeader {
  /** File format. */
  readonly format: "PNG" | "JPEG";
  /** Width and height in pixels; absent if the file ends before it says them. */
  readonly size?: { readonly width: number; readonly height: number };
  /**
   * Whether its end is there, of a JPEG a scan, and bytes enough for its pixels; decoders fill what
   * is missing with grey and do not say so.
   */
  readonly isWhole: boolean;
  /** Whether it holds several pictures. */
  readonly isAnimation?: boolean;
  /** How often it goes over its pixels; only a progressive JPEG does so more than once or thrice. */
  readonly scans?: number;
}

/** The start marker of a JPEG, and the first byte of the next. */
const JPEG_START = [0xff, 0xd8, 0xff];

/** The type of a PNG's last chunk. */
const IEND = 0x49454e44;
/** The type of the chunk that makes a PNG an animation. */
const ACTL = 0x6163544c;

/** Pixels that a byte can hold: deflate packs 1032 bytes into one, of 8 black or white pixels each. */
const PNG_DENSITY = 8 * 1032;
/** A scan takes at least a bit for each block of 8x8 pixels. */
const JPEG_DENSITY = 8 * 64;

/**
 * Reads the header of a PNG or JPEG file.
 *
 * @param bytes The file.
 * @returns `undefined` if it is neither.
 */
export function imageHeader(bytes: Uint8Array): ImageHeader | undefined {
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return pngHeader(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(bytes);
  return undefined;
}

/** How far into a file a misplaced start is looked for, in bytes. */
const START_REACH = 1024;

/**
 * Finds a PNG or JPEG that other bytes precede, which no decoder reads.
 *
 * @param bytes The file.
 * @returns `undefined` if none begins near the start of the file.
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

/** A PNG is chunks of length, type, data and checksum, from IHDR to IEND. */
function pngHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) return { format: "PNG", isWhole: false };
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  let at = PNG_SIGNATURE.length;
  let isAnimation = false;
  while (at + 12 <= bytes.length) {
    const type = view.getUint32(at + 4);
    if (type === IEND) {
      const isWhole = size.width * size.height <= bytes.length * PNG_DENSITY;
      return { format: "PNG", size, isWhole, isAnimation };
    }
    if (type === ACTL) isAnimation = true;
    at += 12 + view.getUint32(at);
  }
  return { format: "PNG", size, isWhole: false, isAnimation };
}

/** A JPEG is segments of marker and length up to the first scan, then scans up to the end marker. */
function jpegHeader(bytes: Uint8Array): ImageHeader {
  const stream = jpegStream(bytes);
  if (!stream) return { format: "JPEG", isWhole: false };
  const { parts, size, scans } = stream;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const isWhole = !size || size.width * size.height <= length * JPEG_DENSITY;
  return { format: "JPEG", ...(size && { size }), isWhole, scans };
}
