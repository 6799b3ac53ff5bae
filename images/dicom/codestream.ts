/**
 * Recognises compressed frames by their own markers, whatever transfer syntax the file states.
 * Reads their size before a decoder gets the bytes.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";
import type { Codec } from "./codecs.ts";

/** Facts from the header of a compressed frame. */
export interface Codestream extends Size {
  /** Decoder of the frame; absent if no decoder here supports it. */
  readonly codec?: Codec;
  /** Name of the format, for messages. */
  readonly kind: string;
  /** Bits per value. */
  readonly bits: number;
  /** Values per pixel. */
  readonly channels: number;
  /** Number of scans over the pixels; a progressive JPEG has several. */
  readonly scans: number;
  /** Bytes from the first marker to the end marker; absent if the end marker is missing. */
  readonly bytes?: Uint8Array;
}

const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** Kinds of JPEG frames by the second byte of their marker; `JPEG` is baseline or extended. */
const JPEG_KINDS: Readonly<Record<number, readonly [kind: string, codec?: Codec]>> = {
  0xc0: ["JPEG", "DecodeJpeg"],
  0xc1: ["JPEG", "DecodeJpeg"],
  0xc2: ["progressive JPEG", "DecodeJpeg"],
  0xc3: ["lossless JPEG", "DecodeJpeg"],
  0xc5: ["hierarchical JPEG"],
  0xc6: ["hierarchical JPEG"],
  0xc7: ["hierarchical JPEG"],
  0xc9: ["arithmetic-coded JPEG"],
  0xca: ["arithmetic-coded JPEG"],
  0xcb: ["arithmetic-coded JPEG"],
  0xf7: ["JPEG-LS", "DecodeJpegLs"],
};

/** First two markers of a JPEG 2000 codestream: SOC and SIZ. */
const JPEG_2000 = 0xff4fff51;
const START_OF_TILE = 0xff90;
/** Marker of the segment that states the used parts of the standard. */
const CAPABILITIES = 0xff50;
/** Bit of that segment for part 15, HTJ2K. */
const HIGH_THROUGHPUT = 2 ** 17;

/** Signature box at the start of a JP2 file. */
const JP2_SIGNATURE = [0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 0x0d, 0x0a, 0x87, 0x0a];
/** Type of the JP2 box that holds the codestream. */
const JP2_CODESTREAM = 0x6a703263;

/**
 * Reads the header of a JPEG, JPEG-LS or JPEG 2000 frame.
 *
 * @param frame The frame; other bytes may follow it.
 * @returns `undefined` if the frame has another format, or ends before its size.
 */
export function readCodestream(frame: Uint8Array): Codestream | undefined {
  if (JP2_SIGNATURE.every((byte, i) => frame[i] === byte)) {
    const inside = jp2Codestream(frame);
    return inside && readCodestream(inside);
  }
  if (frame.length < 4) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0) === JPEG_2000) return frame.length > 43 ? jpeg2000(frame, view) : undefined;
  return view.getUint16(0) === 0xffd8 ? jpeg(frame, view) : undefined;
}

/** Finds the codestream among the boxes of a JP2 file; a box has a length, a type and a value. */
function jp2Codestream(frame: Uint8Array): Uint8Array | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  for (let at = 0; at + 16 <= frame.length;) {
    const length = view.getUint32(at);
    // After a length of 1, the real length follows in 64 bits. A length of 0 means the whole rest.
    const [head, size] = length === 1 ? [16, Number(view.getBigUint64(at + 8))] : [8, length];
    const end = size === 0 ? frame.length : at + size;
    if (view.getUint32(at + 4) === JP2_CODESTREAM) {
      const codestream = frame.subarray(at + head, end);
      // A codestream begins with FF. The check keeps nested JP2 files from causing recursion.
      return codestream[0] === 0xff ? codestream : undefined;
    }
    if (size < head) return undefined;
    at = end;
  }
  return undefined;
}

/** Reads the main header from SIZ on, then skips tile parts by their stated lengths. */
function jpeg2000(frame: Uint8Array, view: DataView): Codestream {
  const along = (at: number) => {
    const step = frame[at === 8 ? 43 : 44] || 1;
    return Math.ceil(view.getUint32(at) / step) - Math.ceil(view.getUint32(at + 8) / step);
  };
  let [at, isHighThroughput] = [2, false];
  while (at + 8 <= frame.length && view.getUint16(at) !== START_OF_TILE) {
    const isCapabilities = view.getUint16(at) === CAPABILITIES;
    if (isCapabilities && view.getUint32(at + 4) & HIGH_THROUGHPUT) isHighThroughput = true;
    at += 2 + view.getUint16(at + 2);
  }
  let last = at;
  while (at + 10 <= frame.length && view.getUint16(at) === START_OF_TILE) {
    last = at + 12;
    const length = view.getUint32(at + 6);
    at = length === 0 ? last : at + Math.max(length, 12);
  }
  // The length of the last tile part may be missing or wrong. Search for the end marker instead,
  // which no packet contains.
  if (at + 2 > frame.length || view.getUint16(at) !== 0xff00 + END_OF_IMAGE) {
    at = endOfImage(frame, last);
  }
  return {
    ...(isHighThroughput
      ? { kind: "HTJ2K", codec: "DecodeHtJpeg2000" }
      : { kind: "JPEG 2000", codec: "DecodeJpeg2000" }),
    width: along(8),
    height: along(12),
    bits: (frame[42]! & 127) + 1,
    channels: view.getUint16(40),
    scans: 1,
    ...(at + 2 <= frame.length && { bytes: frame.subarray(0, at + 2) }),
  };
}

/** Position of the next end marker, or the length of the frame if there is none. */
function endOfImage(frame: Uint8Array, from: number): number {
  let at = frame.indexOf(0xff, from);
  while (at >= 0 && frame[at + 1] !== END_OF_IMAGE) at = frame.indexOf(0xff, at + 1);
  return at < 0 ? frame.length : at;
}

/** Reads segments up to the first scan, then scans up to the end marker. */
function jpeg(frame: Uint8Array, view: DataView): Codestream | undefined {
  let found: Omit<Codestream, "scans" | "bytes"> | undefined;
  let scans = 0;
  // Skip bytes between segments, as decoders do.
  let at = frame.indexOf(0xff, 2);
  while (at >= 0 && at + 1 < frame.length) {
    const marker = frame[at + 1]!;
    if (marker === END_OF_IMAGE) {
      return found && { ...found, scans, ...(scans > 0 && { bytes: frame.subarray(0, at + 2) }) };
    }
    // Skip fill bytes, restart markers and, inside a scan, a data byte FF with its stuffing.
    const isInside = marker === 0 || scans > 0 && marker < 0x80;
    if (marker === 0xff || isInside || marker === 1 || marker >= 0xd0 && marker <= 0xd7) {
      at = frame.indexOf(0xff, at + (marker === 0xff ? 1 : 2));
      continue;
    }
    // A decoder would stop at these markers, or start a new picture.
    if (marker < 0xc0 || marker === 0xd8) return undefined;
    if (at + 4 > frame.length) break;
    const [kind, codec] = JPEG_KINDS[marker] ?? [];
    if (kind) {
      // If there are two frames, a decoder might read the other one.
      if (found || at + 10 > frame.length) return undefined;
      found = {
        kind,
        ...(codec && { codec }),
        bits: frame[at + 4]!,
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        channels: frame[at + 9]!,
      };
    }
    if (marker === START_OF_SCAN) scans++;
    at = frame.indexOf(0xff, at + 2 + view.getUint16(at + 2));
  }
  return found && { ...found, scans };
}
