/**
 * What a PNG file is made of.
 *
 * @module
 */

/** A part of a PNG file. */
export interface PngChunk {
  /** Its type, such as `IDAT`. */
  readonly type: string;
  /** Its data. */
  readonly data: Uint8Array;
  /** Its checksum, as the file has it. */
  readonly checksum: number;
  /** Where in the file it ends. */
  readonly end: number;
}

const SIGNATURE_LENGTH = 8;

/** Bytes of a chunk beside its data: length, type and checksum. */
const FRAMING = 12;

const HEADER_LENGTH = 13;

/**
 * The chunks of a PNG in their order, as far as they are all there.
 *
 * @param png The file.
 */
export function* pngChunks(png: Uint8Array): Generator<PngChunk, void> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let at = SIGNATURE_LENGTH;
  while (at + FRAMING <= png.length) {
    const end = at + FRAMING + view.getUint32(at);
    if (end > png.length) return;
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    yield { type, data: png.subarray(at + 8, end - 4), checksum: view.getUint32(end - 4), end };
    at = end;
  }
}

/**
 * Whether a PNG has its header, and that once, ends with `IEND` and nothing after it, holds nothing
 * else that a decoder must know, and what changes pixels has the right checksum.
 *
 * @param png The file.
 */
export function isSoundPng(png: Uint8Array): boolean {
  let isFirst = true;
  for (const { type, data, checksum, end } of pngChunks(png)) {
    if (isFirst !== (type === "IHDR") || isFirst && data.length !== HEADER_LENGTH) return false;
    isFirst = false;
    // A type that begins with a capital letter is of those that must be known.
    const mustBeKnown = /^[^a-z]/.test(type);
    if (mustBeKnown && !["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) return false;
    if (mustBeKnown || type === "tRNS") {
      if (crc32(png.subarray(end - 8 - data.length, end - 4)) !== checksum) return false;
    }
    if (type === "IEND") return end === png.length;
  }
  return false;
}

/** The checksum of each byte: PNG, annex D. */
const CRCS = Uint32Array.from({ length: 256 }, (_, crc) => {
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ crc >>> 1 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = CRCS[(crc ^ bytes[i]!) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}
