/**
 * From a DICOM frame, compressed or not, to stored values.
 *
 * @module
 */

import { type Codec, decompress } from "./codecs.ts";
import type { Size } from "../../shaders/resize_cpu.ts";

/** What a frame's bytes hold, from the file's header. */
export interface FrameFormat extends Size {
  /** Bits of memory for a value. */
  readonly bitsAllocated: 8 | 16;
  /** Bits of them that are used. */
  readonly bitsStored: number;
  /** Whether values are in two's complement. */
  readonly isSigned: boolean;
  /**
   * Values of a pixel: one of grey, three of colours, or two where two pixels share their colours.
   *
   * @default {1}
   */
  readonly samples?: number;
}

const EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2";

const UNCOMPRESSED = [
  "1.2.840.10008.1.2", // implicit little endian
  "1.2.840.10008.1.2.1", // explicit little endian
  EXPLICIT_BIG_ENDIAN,
];

/** Transfer syntax of frames that are packed by run lengths. */
export const RLE = "1.2.840.10008.1.2.5";

/** Transfer syntaxes of JPEG-LS, lossless and near-lossless. */
export const JPEG_LS: readonly string[] = ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];

const CODECS = {
  [RLE]: "DecodeRle",
  "1.2.840.10008.1.2.4.50": "DecodeJpeg", // baseline
  "1.2.840.10008.1.2.4.51": "DecodeJpeg", // extended, 12 bits
  "1.2.840.10008.1.2.4.57": "DecodeJpeg", // lossless
  "1.2.840.10008.1.2.4.70": "DecodeJpeg", // lossless, first-order prediction
  "1.2.840.10008.1.2.4.80": "DecodeJpegLs",
  "1.2.840.10008.1.2.4.81": "DecodeJpegLs", // near-lossless
  "1.2.840.10008.1.2.4.90": "DecodeJpeg2000", // lossless
  "1.2.840.10008.1.2.4.91": "DecodeJpeg2000",
} as const satisfies Record<string, Codec>;

/**
 * Start of a baseline, an extended, a lossless and a JPEG-LS frame. A progressive one no syntax
 * has, and it may go over its pixels without end.
 */
const FRAME_MARKERS = [0xc0, 0xc1, 0xc3, 0xf7];

type CompressedSyntax = keyof typeof CODECS;

/** Whether frames in a transfer syntax, by its UID, can be decoded. */
export function isKnownSyntax(syntax: string): boolean {
  return UNCOMPRESSED.includes(syntax) || syntax in CODECS;
}

/**
 * Decodes one frame.
 *
 * @param bytes The frame, its fragments put together.
 * @param syntax UID of its transfer syntax, one that {@linkcode isKnownSyntax} knows.
 * @param format What the file's header says of it.
 * @returns `undefined` if it is not a whole frame of that size.
 */
export async function decodeFrame(
  bytes: Uint8Array,
  syntax: string,
  format: FrameFormat,
): Promise<Uint8Array | Uint16Array | undefined> {
  if (UNCOMPRESSED.includes(syntax)) {
    return toWords(bytes, format, syntax === EXPLICIT_BIG_ENDIAN);
  }
  if (!(syntax === RLE ? hasSegments(bytes, format) : isWhole(bytes, format))) return undefined;
  const decoded = await decompress(bytes, CODECS[syntax as CompressedSyntax], format);
  return decoded && toWords(decoded, format, false);
}

/** Bytes as values; of an odd number of 8-bit values the last is followed by a byte of padding. */
function toWords(
  bytes: Uint8Array,
  { width, height, bitsAllocated, samples = 1 }: FrameFormat,
  isBigEndian: boolean,
): Uint8Array | Uint16Array | undefined {
  const count = width * height * samples;
  if (bytes.length < count * bitsAllocated / 8) return undefined;
  if (bitsAllocated === 8) return bytes.subarray(0, count);
  const words = new Uint16Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) words[i] = view.getUint16(2 * i, !isBigEndian);
  return words;
}

/**
 * Whether a frame of the JPEG family has the size that is expected and its end
 * marker: decoders trust the former and fill what is missing with grey.
 */
function isWhole(frame: Uint8Array, { width, height }: FrameFormat): boolean {
  const size = frameSize(frame);
  // Padding follows, to an even length or longer.
  let end = frame.length;
  while (end > 2 && (frame[end - 1] === 0 || frame[end - 1] === 0xff)) end--;
  return size?.width === width && size.height === height &&
    frame[end - 2] === 0xff && frame[end - 1] === 0xd9;
}

/** Whether an RLE frame has a segment for each byte of a value, where its header says. */
function hasSegments(frame: Uint8Array, { bitsAllocated, samples = 1 }: FrameFormat): boolean {
  if (frame.length < 64) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = samples * bitsAllocated / 8;
  const offsets = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true));
  return view.getUint32(0, true) === count &&
    offsets.every((offset, i) => offset >= (offsets[i - 1] ?? 64) && offset < frame.length);
}

/** The size that a JPEG, JPEG-LS or JPEG 2000 frame states. */
function frameSize(frame: Uint8Array): Size | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 24) return undefined;
  if (view.getUint32(0) === 0xff4fff51) { // JPEG 2000: SOC, SIZ
    return {
      width: view.getUint32(8) - view.getUint32(16),
      height: view.getUint32(12) - view.getUint32(20),
    };
  }
  if (view.getUint16(0) !== 0xffd8) return undefined;
  let at = 2;
  while (at + 9 <= frame.length && frame[at] === 0xff) {
    const marker = frame[at + 1]!;
    if (FRAME_MARKERS.includes(marker)) {
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}
