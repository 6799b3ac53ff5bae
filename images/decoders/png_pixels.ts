import { concat } from "@std/bytes/concat";
import { Z_NO_FLUSH, Z_OK, Z_STREAM_END, zlibInflate, zlibInflateInit, ZStream } from "pako";
import { PNG_SIGNATURE, type PngChunk, pngChunk, pngChunks } from "./png_chunks.ts";

/** Parts of a PNG that decide its picture. */
export interface PngPixels {
  /** Data of `IHDR`. */
  readonly header: Uint8Array;
  /** Data of `PLTE`, if present. */
  readonly palette?: Uint8Array;
  /** Data of `tRNS`, if present. */
  readonly transparency?: Uint8Array;
  /** Rows, each after its filter byte; pass after pass if the picture is interlaced. */
  readonly rows: Uint8Array;
  /** Adler-32 checksum of `rows`. */
  readonly adler: number;
}

const HEADER_LENGTH = 13;

/** Position in `IHDR` of the bits per channel. */
export const BIT_DEPTH = 8;
/** Position in `IHDR` of the colour type. */
export const COLOR_TYPE = 9;
/** Positions in `IHDR` of the compression and filter method; each can only be 0. */
const METHODS = [10, 11];
/** Position in `IHDR` of the interlace method; 0 means rows in order. */
export const INTERLACE = 12;

const PALETTE = 3;

/** Channels by colour type. */
export const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, [PALETTE]: 1, 4: 2, 6: 4 };

/** Maximum number of bytes that deflate packs into one. */
const DENSITY = 1032;

/** Start of each pass of an interlaced picture, and the distances between its pixels. */
const PASSES: readonly (readonly [x: number, y: number, right: number, down: number])[] = [
  ...[[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4]] as const,
  ...[[0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const,
];

/**
 * Reads the pixels of a PNG. Faults after the pixels are ignored: a missing end, surplus bytes, or
 * broken chunks.
 *
 * @returns `undefined` if the pixels are incomplete, or if a chunk that affects them is broken or
 * unknown.
 */
export function pngPixels(png: Uint8Array): PngPixels | undefined {
  let found: Pick<PngPixels, "header" | "palette" | "transparency"> | undefined;
  let pixels: Inflater | undefined;
  for (const chunk of pngChunks(png)) {
    const { type } = chunk;
    if (type === "IEND" || pixels?.isFull && type !== "IDAT") break;
    if (!found !== (type === "IHDR")) return undefined;
    if (type === "IHDR") {
      const { data, isBroken } = chunk;
      const length = isBroken ? 0 : rowsLength(data);
      if (length === 0 || length > png.length * DENSITY) return undefined;
      found = { header: data };
      pixels = new Inflater(length);
    } else if (type === "IDAT") pixels!.add(chunk);
    else if (type === "PLTE" || type === "tRNS") {
      if (chunk.isBroken) return undefined;
      found = { ...found!, [type === "PLTE" ? "palette" : "transparency"]: chunk.data };
      // A type with a capital first letter marks a chunk that a decoder must know.
    } else if (/^[^a-z]/.test(type)) return undefined;
  }
  if (!found || !pixels?.isWhole()) return undefined;
  return { ...found, rows: pixels.rows, adler: pixels.adler };
}

/** Number of bytes of all rows with their filter bytes; 0 if the header is invalid. */
function rowsLength(header: Uint8Array): number {
  if (header.length !== HEADER_LENGTH || METHODS.some((at) => header[at] !== 0)) return 0;
  const bits = header[BIT_DEPTH]! * (CHANNELS[header[COLOR_TYPE]!] ?? 0);
  // A picture with a palette has at most 8 bits.
  if (bits === 0 || header[COLOR_TYPE] === PALETTE && bits > 8) return 0;
  return passesOf(header).reduce(
    (sum, { columns, rows }) => sum + rows * (1 + Math.ceil(columns * bits / 8)),
    0,
  );
}

/** A pass of a picture that has pixels. */
export interface Pass {
  /** First column. */
  readonly left: number;
  /** First row. */
  readonly top: number;
  /** Distance between columns. */
  readonly right: number;
  /** Distance between rows. */
  readonly down: number;
  /** Number of columns. */
  readonly columns: number;
  /** Number of rows. */
  readonly rows: number;
}

/** The passes of a picture in file order; a single pass if it is not interlaced. */
export function passesOf(header: Uint8Array): Pass[] {
  const view = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const passes = header[INTERLACE] === 0 ? [[0, 0, 1, 1] as const] : PASSES;
  return passes.map(([left, top, right, down]) => {
    const [columns, rows] = [Math.ceil((width - left) / right), Math.ceil((height - top) / down)];
    return { left, top, right, down, columns, rows };
  }).filter(({ columns, rows }) => columns > 0 && rows > 0);
}

/** Maximum number of surplus bytes to inflate: enough for a mistake, too few for a zip bomb. */
const MOST_BEYOND = 2 ** 20;

/** Inflates a given number of bytes. */
class Inflater {
  /** The inflated bytes. */
  readonly rows: Uint8Array<ArrayBuffer>;
  /** Adler-32 checksum of `rows`, set once all bytes are inflated. */
  adler = 0;
  /** Whether all bytes are inflated. */
  isFull = false;
  readonly #stream = new ZStream();
  readonly #parts: PngChunk[] = [];
  #status: number = Z_OK;

  constructor(length: number) {
    zlibInflateInit(this.#stream);
    this.rows = new Uint8Array(length);
    this.#stream.output = this.rows;
    this.#stream.avail_out = length;
  }

  /** Inflates the next part of the stream. */
  add(part: PngChunk): void {
    this.#parts.push(part);
    const stream = this.#stream;
    const { data } = part;
    stream.input = data;
    stream.next_in = 0;
    stream.avail_in = data.length;
    while (stream.avail_in > 0 && stream.avail_out > 0 && this.#status === Z_OK) {
      this.#status = zlibInflate(stream, Z_NO_FLUSH);
      if (this.isFull || stream.avail_out > 0) continue;
      this.isFull = true;
      this.adler = stream.adler;
      stream.output = new Uint8Array(MOST_BEYOND);
      stream.next_out = 0;
      stream.avail_out = MOST_BEYOND;
    }
  }

  /**
   * Whether all bytes are present and correct. The stream's own checksum at its end decides. If
   * the stream is cut before its checksum, the checksums of its parts decide.
   */
  isWhole(): boolean {
    if (this.#status === Z_STREAM_END) return this.isFull;
    const isCut = this.#status === Z_OK && this.#stream.avail_out > 0;
    return this.isFull && isCut && !this.#parts.some((part) => part.isBroken);
  }
}

/** Maximum number of bytes in a block that deflate stores uncompressed. */
const BLOCK = 65535;

/** Makes a PNG of the pixels alone, for a decoder that fails on faults beside them. */
export function plainPng(
  { header, palette, transparency, rows, adler }: PngPixels,
): Uint8Array<ArrayBuffer> {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < rows.length; at += BLOCK) {
    const block = rows.subarray(at, at + BLOCK);
    const { length } = block;
    const isLast = at + BLOCK >= rows.length ? 1 : 0;
    blocks.push(Uint8Array.of(isLast, length, length >> 8, ~length, ~length >> 8), block);
  }
  const sum = [24, 16, 8, 0].map((bits) => adler >>> bits);
  // The first two bytes announce deflate with a window of 32 KiB.
  const data = concat([Uint8Array.of(0x78, 0x01), ...blocks, Uint8Array.from(sum)]);
  return concat([
    PNG_SIGNATURE,
    pngChunk("IHDR", header),
    ...palette ? [pngChunk("PLTE", palette)] : [],
    ...transparency ? [pngChunk("tRNS", transparency)] : [],
    pngChunk("IDAT", data),
    pngChunk("IEND", new Uint8Array(0)),
  ]);
}
