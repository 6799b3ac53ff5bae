/**
 * Tells PNG and JPEG apart from anything else and reads their size, before a
 * decoder is given the bytes: a few bytes can claim billions of pixels.
 *
 * @module
 */

/** What the frame of an image file says, without its pixels. */
export interface ImageHeader {
  /** File format. */
  readonly format: "PNG" | "JPEG";
  /** Width and height in pixels; absent if the file ends before it says them. */
  readonly size?: { readonly width: number; readonly height: number };
  /**
   * Whether its end is there, and bytes enough for its pixels; decoders fill what is missing with
   * grey and do not say so.
   */
  readonly isWhole: boolean;
  /** Whether it holds several pictures. */
  readonly isAnimation?: boolean;
  /** How often it goes over its pixels; only a progressive JPEG does so more than once or thrice. */
  readonly scans?: number;
}

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** The type of a PNG's last chunk. */
const IEND = 0x49454e44;
/** The type of the chunk that makes a PNG an animation. */
const ACTL = 0x6163544c;

/** Pixels that a byte can hold: deflate packs 1032 bytes into one, of 8 black or white pixels each. */
const PNG_DENSITY = 8 * 1032;
/** A scan takes at least a bit for each block of 8x8 pixels. */
const JPEG_DENSITY = 8 * 64;

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

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
  return { format: "PNG", size, isWhole: false };
}

/** A JPEG is segments of marker and length up to the first scan, then scans up to the end marker. */
function jpegHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: ImageHeader["size"];
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) { // fill byte
      at++;
      continue;
    }
    if (marker === START_OF_SCAN) {
      // Inside a scan FF is followed by 00 or a restart marker, so that FF D9 is the end.
      let end = bytes.length - 2;
      while (end > at && (bytes[end] !== 0xff || bytes[end + 1] !== END_OF_IMAGE)) end--;
      const isWhole = end > at &&
        (!size || size.width * size.height <= bytes.length * JPEG_DENSITY);
      return { format: "JPEG", ...(size && { size }), isWhole, scans: countScans(bytes, at) };
    }
    // Decoders pass over these, or stop at them, and a length after them would hide what they read.
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= END_OF_IMAGE)) break;
    // Start-of-frame markers are C0 to CF but for DHT (C4), JPG (C8) and DAC (CC).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return { format: "JPEG", ...(size && { size }), isWhole: false };
}

/** Scans from a position on. Tables between them may count as one by chance, and are few. */
function countScans(bytes: Uint8Array, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === START_OF_SCAN) count++;
  }
  return count;
}
