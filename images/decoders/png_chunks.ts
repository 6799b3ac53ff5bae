/**
 * Reads and writes the chunks of PNG files.
 *
 * @module
 */

/** A part of a PNG file. */
export interface PngChunk {
  /** Type of the chunk, such as `IDAT`. */
  readonly type: string;
  /** Data of the chunk, as far as the file holds them. */
  readonly data: Uint8Array;
  /** Type and data, which the checksum covers. */
  readonly body: Uint8Array;
  /** The checksum; absent if the end of the file cuts it off. */
  readonly crc?: number;
}

/** Whether a chunk's checksum is wrong; a checksum that is cut off does not count as wrong. */
export function isBroken({ body, crc }: PngChunk): boolean {
  return crc !== undefined && crc32(body) !== crc;
}

/** First bytes of every PNG. */
export const PNG_SIGNATURE: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
);

/** Number of bytes of a chunk before its data: length and type. */
const HEAD = 8;

/** Number of bytes of a chunk without its data: length, type and checksum. */
const FRAMING = 12;

/**
 * Yields the chunks of a PNG in file order. The end of the file may cut the last chunk.
 *
 * @param png The file.
 */
export function* pngChunks(png: Uint8Array): Generator<PngChunk, void> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let at = PNG_SIGNATURE.length;
  while (at + HEAD <= png.length) {
    const end = at + FRAMING + view.getUint32(at);
    const body = png.subarray(at + 4, end - 4);
    yield {
      type: String.fromCharCode(...body.subarray(0, 4)),
      data: body.subarray(4),
      body,
      ...(end <= png.length && { crc: view.getUint32(end - 4) }),
    };
    at = end;
  }
}

/** Encodes a chunk with its length and checksum. */
export function pngChunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(FRAMING + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) chunk[4 + i] = type.charCodeAt(i);
  chunk.set(data, HEAD);
  view.setUint32(HEAD + data.length, crc32(chunk.subarray(4, HEAD + data.length)));
  return chunk;
}

/** Checksums of single bytes: PNG, annex D. */
const CRCS = Uint32Array.from({ length: 256 }, (_, crc) => {
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ crc >>> 1 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = CRCS[(crc ^ bytes[i]!) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}
