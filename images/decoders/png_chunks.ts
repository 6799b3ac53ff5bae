/** First bytes of every PNG. */
export const PNG_SIGNATURE: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
);

/** Number of bytes of a chunk before its data: length and type. */
const HEAD = 8;

/** Number of bytes of a chunk without its data: length, type and checksum. */
const FRAMING = 12;

/**
 * A part of a PNG file. It reads from the file on demand, because a hostile file may have millions
 * of chunks.
 */
export class PngChunk {
  readonly #png: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  /**
   * @param start Position of the chunk, of which at least the length and the type are there.
   * @param end Position after the chunk, perhaps beyond the end of the file.
   */
  constructor(png: Uint8Array, start: number, end: number) {
    this.#png = png;
    this.#start = start;
    this.#end = end;
  }

  /** Type of the chunk, such as `IDAT`. */
  get type(): string {
    const [png, at] = [this.#png, this.#start + 4];
    return String.fromCharCode(png[at]!, png[at + 1]!, png[at + 2]!, png[at + 3]!);
  }

  /** Data of the chunk, as far as the file holds them. */
  get data(): Uint8Array {
    return this.#png.subarray(this.#start + HEAD, this.#end - 4);
  }

  /** The end of the file cuts the chunk off. */
  get isCut(): boolean {
    return this.#end > this.#png.length;
  }

  /** The checksum is wrong; a checksum that is cut off does not count as wrong. */
  get isBroken(): boolean {
    if (this.isCut) return false;
    const { buffer, byteOffset } = this.#png;
    const stated = new DataView(buffer, byteOffset + this.#end - 4).getUint32(0);
    return crc32(this.#png.subarray(this.#start + 4, this.#end - 4)) !== stated;
  }
}

/** Yields the chunks of a PNG in file order. The end of the file may cut the last chunk. */
export function* pngChunks(png: Uint8Array): Generator<PngChunk, void> {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let at = PNG_SIGNATURE.length;
  while (at + HEAD <= png.length) {
    const end = at + FRAMING + view.getUint32(at);
    yield new PngChunk(png, at, end);
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
