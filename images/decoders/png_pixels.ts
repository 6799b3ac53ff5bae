/**
 * The pixels of a PNG file, whatever stands beside them.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import { Z_NO_FLUSH, Z_OK, Z_STREAM_END, zlibInflate, zlibInflateInit, ZStream } from "pako";
import { PNG_SIGNATURE, pngChunk, pngChunks } from "./png_chunks.ts";

/** What a PNG holds of its picture, and no more. */
export interface PngPixels {
  /** The data of `IHDR`. */
  readonly header: Uint8Array;
  /** The data of `PLTE`, where there is one. */
  readonly palette?: Uint8Array;
  /** The data of `tRNS`, where there is one. */
  readonly transparency?: Uint8Array;
  /** Rows, each after the byte that says its filter; pass after pass where it is interlaced. */
  readonly rows: Uint8Array;
  /** Their checksum by Adler. */
  readonly adler: number;
}

const HEADER_LENGTH = 13;

/** Where `IHDR` says how many bits a channel has, what its channels are, and more. */
const BIT_DEPTH = 8;
const COLOR_TYPE = 9;
/** Where it says how it is compressed and filtered; there is one way of each, 0. */
const METHODS = [10, 11];
const INTERLACE = 12;

const PALETTE = 3;

/** Channels by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, [PALETTE]: 1, 4: 2, 6: 4 };

/** Bytes that deflate packs into one at most. */
const DENSITY = 1032;

/** Where the passes of an interlaced picture begin, and how far apart their pixels are. */
const PASSES: readonly (readonly [x: number, y: number, right: number, down: number])[] = [
  ...[[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4]] as const,
  ...[[0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const,
];

/**
 * Reads the pixels of a PNG. What follows them is not looked at: a missing end, more bytes than the
 * pixels need, or chunks that are broken.
 *
 * @param png The file.
 * @returns `undefined` if they are not whole, or if a part that decides what they are is broken or
 * unknown.
 */
export function pngPixels(png: Uint8Array): PngPixels | undefined {
  let found: Pick<PngPixels, "header" | "palette" | "transparency"> | undefined;
  let pixels: Inflater | undefined;
  for (const { type, data, isBroken } of pngChunks(png)) {
    if (type === "IEND" || pixels?.isFull && type !== "IDAT") break;
    if (!found !== (type === "IHDR")) return undefined;
    if (type === "IHDR") {
      const length = isBroken() ? 0 : rowsLength(data);
      if (length === 0 || length > png.length * DENSITY) return undefined;
      found = { header: data };
      pixels = new Inflater(length);
    } else if (type === "IDAT") pixels!.add(data, isBroken);
    else if (type === "PLTE" || type === "tRNS") {
      if (isBroken()) return undefined;
      found = { ...found!, [type === "PLTE" ? "palette" : "transparency"]: data };
      // A type that begins with a capital letter is of those that must be known.
    } else if (/^[^a-z]/.test(type)) return undefined;
  }
  if (!found || !pixels?.isWhole()) return undefined;
  return { ...found, rows: pixels.rows, adler: pixels.adler };
}

/** Bytes of all rows with their filters; 0 where a header makes no sense. */
function rowsLength(header: Uint8Array): number {
  if (header.length !== HEADER_LENGTH || METHODS.some((at) => header[at] !== 0)) return 0;
  const view = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const bits = header[BIT_DEPTH]! * (CHANNELS[header[COLOR_TYPE]!] ?? 0);
  // A palette has no 16 bits.
  if (bits === 0 || header[COLOR_TYPE] === PALETTE && bits > 8) return 0;
  const passes = header[INTERLACE] === 0 ? [[0, 0, 1, 1] as const] : PASSES;
  return passes.reduce((sum, [x, y, right, down]) => {
    const [columns, rows] = [Math.ceil((width - x) / right), Math.ceil((height - y) / down)];
    return columns > 0 && rows > 0 ? sum + rows * (1 + Math.ceil(columns * bits / 8)) : sum;
  }, 0);
}

/** Most bytes that may inflate beyond those that are asked for: more than a slip, fewer than a bomb. */
const MOST_BEYOND = 2 ** 20;

/** Inflates as many bytes as are asked for. */
class Inflater {
  /** The bytes. */
  readonly rows: Uint8Array<ArrayBuffer>;
  /** Their checksum by Adler, once they are there. */
  adler = 0;
  /** Whether they are there. */
  isFull = false;
  readonly #stream = new ZStream();
  readonly #checks: (() => boolean)[] = [];
  #status: number = Z_OK;

  constructor(length: number) {
    zlibInflateInit(this.#stream);
    this.rows = new Uint8Array(length);
    this.#stream.output = this.rows;
    this.#stream.avail_out = length;
  }

  /**
   * @param data More of the stream.
   * @param isBroken Whether a checksum says that it is another than was written.
   */
  add(data: Uint8Array, isBroken: () => boolean): void {
    this.#checks.push(isBroken);
    const stream = this.#stream;
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
   * Whether the bytes are there and as they were written: the stream's own checksum says so at its
   * end; where it has none, those of its parts.
   */
  isWhole(): boolean {
    if (this.#status === Z_STREAM_END) return this.isFull;
    const isCut = this.#status === Z_OK && this.#stream.avail_out > 0;
    return this.isFull && isCut && !this.#checks.some((isBroken) => isBroken());
  }
}

/** Bytes of a block that deflate stores as they are, at most. */
const BLOCK = 65535;

/** A PNG of pixels alone, for a decoder that stumbles over what stands beside them. */
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
  // The first two bytes say: deflate, with a window of 32 KiB.
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
