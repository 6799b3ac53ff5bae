/**
 * From a DICOM frame, compressed or not, to stored values.
 *
 * @module
 */

import type { FrameFormat } from "./frame_format.ts";
import { type ChannelFormat, grayChannel } from "./channels.ts";
import { decompress } from "./codecs.ts";
import { decodeWhole, jpegStream } from "../decoders/jpeg_stream.ts";
import { type Codestream, readCodestream } from "./codestream.ts";

/** How the bytes of a frame are written. */
export interface FrameEncoding {
  /** UID of the transfer syntax that the file states; empty where it states none. */
  readonly syntax: string;
  /** Whether the frame is in fragments, as a compressed one is. */
  readonly isEncapsulated: boolean;
  /** Whether values have their high byte first, where they are not compressed. */
  readonly isBigEndian: boolean;
  /** Whether bytes are in words, two of 8 bits in each. */
  readonly isInWords: boolean;
}

/** The values of a frame. */
export interface StoredValues {
  /** Values in rows. */
  readonly data: Uint8Array | Uint16Array;
  /** Bits of each that are used; in two's complement where the file says so. */
  readonly bits: number;
  /** Bits below those. */
  readonly shift: number;
}

const RLE = "1.2.840.10008.1.2.5";

/** Frames whose values are as they are. */
const UNCOMPRESSED = [
  "1.2.840.10008.1.2", // implicit little endian
  "1.2.840.10008.1.2.1", // explicit little endian
  "1.2.840.10008.1.2.1.98", // in fragments all the same
  "1.2.840.10008.1.2.1.99", // deflated as a whole
  "1.2.840.10008.1.2.2", // explicit big endian
];

const COMPRESSED = [
  RLE,
  "1.2.840.10008.1.2.4.50", // JPEG baseline
  "1.2.840.10008.1.2.4.51", // extended, 12 bits
  "1.2.840.10008.1.2.4.53", // the same over several scans, retired
  "1.2.840.10008.1.2.4.55", // progressive, retired
  "1.2.840.10008.1.2.4.57", // lossless
  "1.2.840.10008.1.2.4.70", // lossless, first-order prediction
  "1.2.840.10008.1.2.4.80", // JPEG-LS, lossless
  "1.2.840.10008.1.2.4.81", // JPEG-LS, near-lossless
  "1.2.840.10008.1.2.4.90", // JPEG 2000, lossless
  "1.2.840.10008.1.2.4.91", // JPEG 2000
  "1.2.840.10008.1.2.4.201", // HTJ2K, lossless
  "1.2.840.10008.1.2.4.202", // HTJ2K, lossless, by resolution
  "1.2.840.10008.1.2.4.203", // HTJ2K
];

/** What other transfer syntaxes are, by the start of their UIDs. */
const OTHERS: readonly (readonly [start: string, kind: string])[] = [
  ["1.2.840.10008.1.2.4.9", "JPEG 2000 of several components or JPIP"],
  ["1.2.840.10008.1.2.4.10", "a video"],
  ["1.2.840.10008.1.2.4.11", "JPEG XL"],
  ["1.2.840.10008.1.2.4.20", "JPIP"],
  ["1.2.840.10008.1.2.4", "a kind of JPEG that is retired"],
  ["1.2.840.10008.", "not one of single pictures"],
];

/** Most scans of a JPEG, each of which goes over all pixels; encoders make 10. */
const MAX_SCANS = 100;

/**
 * Says why frames in a transfer syntax cannot be decoded.
 *
 * @param syntax Its UID; empty where a file states none.
 * @returns `undefined` if they can, as far as it tells.
 */
export function unsupportedSyntax(syntax: string): string | undefined {
  if (syntax === "" || UNCOMPRESSED.includes(syntax) || COMPRESSED.includes(syntax)) return;
  const [, kind = "private"] = OTHERS.find(([start]) => syntax.startsWith(start)) ?? [];
  return `its transfer syntax ${syntax} is not supported (it is ${kind})`;
}

/**
 * Decodes one frame. What the bytes are decides how: a file may state a transfer syntax that its
 * frame was converted from or to.
 *
 * @param bytes The frame, its fragments put together.
 * @param name What the file is called in errors.
 * @param encoding How it is written.
 * @param format What the file's header says of it.
 * @returns `undefined` if bytes are missing or make no sense.
 * @throws {TypeError} If it is something else than the header says.
 * @throws {RangeError} If it goes over its pixels too often.
 */
export async function decodeFrame(
  bytes: Uint8Array,
  name: string,
  { syntax, isEncapsulated, isBigEndian, isInWords }: FrameEncoding,
  format: FrameFormat,
): Promise<StoredValues | undefined> {
  const { width, height, bitsAllocated, bitsStored, shift, color } = format;
  const isYbr = color?.photometric.startsWith("YBR_FULL");
  const bytesOf = (samples: number) => width * height * samples * bitsAllocated / 8;
  // Two pixels share their colours, unless the file says so of bytes that have room for all.
  const isPaired = color?.photometric === "YBR_FULL_422" && !isEncapsulated &&
    bytes.length < bytesOf(3);
  const samples = isPaired ? 2 : color ? 3 : 1;
  const missing = bytesOf(samples) - bytes.length;
  const isExact = missing === 0 || missing === -1;
  const isCompressed = COMPRESSED.includes(syntax);
  const codestream = readCodestream(bytes);
  if (codestream && (isEncapsulated || missing > 0 || isCompressed && !isExact)) {
    return await decodeCodestream(codestream, bytes, name, format);
  }
  let data: StoredValues["data"] | undefined;
  let layout: ChannelFormat["layout"] = "pixels";
  if (isEncapsulated && hasSegments(bytes, format, samples)) {
    const decoded = await decompress(bytes, "DecodeRle", format, samples);
    data = decoded && toWords(decoded, format, { samples });
  } else if (isExact || !isEncapsulated) {
    const isBig = isBigEndian && !isEncapsulated;
    const isSwapped = isBig && isInWords && bitsAllocated === 8;
    data = toWords(isSwapped ? swapped(bytes) : bytes, format, { samples, isBig });
    layout = isPaired ? "pairs" : color?.isPlanar ? "planes" : "pixels";
  }
  if (data && color) {
    const meaning = isYbr ? "YBR" : "RGB";
    data = grayChannel(data, { pixels: width * height, bits: bitsStored, layout, meaning });
    if (!data) throw inColor(name, color.photometric);
  }
  return data && { data, bits: bitsStored, shift };
}

function inColor(name: string, what: string): TypeError {
  return new TypeError(`Cannot read ${name}: its ${what} pixels have colours, expected greys`);
}

/** Decodes a frame whose size and bits are known. */
async function decodeCodestream(
  { codec, kind, width, height, bits, channels, scans, bytes }: Codestream,
  frame: Uint8Array,
  name: string,
  format: FrameFormat,
): Promise<StoredValues | undefined> {
  const refuse = (what: string) => new TypeError(`Cannot read ${name}: its ${kind} frame ${what}`);
  if (!codec) throw refuse("is not supported");
  if (width !== format.width || height !== format.height) {
    throw refuse(`has ${width}x${height} pixels, expected ${format.width}x${format.height}`);
  }
  if (channels !== 1 && channels !== 3) {
    throw refuse(`has ${channels} channels, expected 1 or 3`);
  }
  if (bits > 16) throw refuse(`has ${bits} bits a value, expected up to 16`);
  if (scans > MAX_SCANS) {
    throw new RangeError(`Cannot read ${name}: its ${scans} scans are more than ${MAX_SCANS}`);
  }
  const own: FrameFormat = { ...format, bitsAllocated: bits > 8 ? 16 : 8, bitsStored: bits };
  const decode = (frame: Uint8Array) => decompress(frame, codec, own, channels);
  const decoded = bytes
    ? await decode(bytes)
    : codec === "DecodeJpeg"
    ? await decodeWithoutEnd(frame, decode)
    : undefined;
  let data = decoded && toWords(decoded, own, { samples: channels });
  if (data && channels === 3) {
    // What colours mean, the frame says; files may say RGB of a JPEG that is YBR.
    const channel = { pixels: width * height, bits, meaning: "either" } as const;
    const values = data;
    data = grayChannel(values, { ...channel, layout: "pixels" }) ??
      // Scans of one channel each come as planes.
      (codec === "DecodeJpegLs"
        ? grayChannel(values, { ...channel, layout: "planes" })
        : undefined);
    if (!data) throw inColor(name, format.color?.photometric ?? kind);
  }
  // A frame of all bits of memory has others below those that are used; as a rule it has none.
  const hasAll = format.shift + format.bitsStored <= bits;
  return data && { data, bits, shift: hasAll ? format.shift : 0 };
}

/** Decodes a JPEG without its end marker, if all its pixels are there. */
async function decodeWithoutEnd(
  frame: Uint8Array,
  decode: (frame: Uint8Array) => Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  const stream = jpegStream(frame);
  const picture = stream && await decodeWhole(stream, async (jpeg) => {
    const data = await decode(jpeg);
    return data && { data };
  });
  return picture?.data;
}

/** Bytes with each pair in the other order. */
function swapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => bytes[i ^ 1] ?? byte);
}

/** Bytes as values; of an odd number of 8-bit values the last is followed by a byte of padding. */
function toWords(
  bytes: Uint8Array,
  { width, height, bitsAllocated }: FrameFormat,
  { samples, isBig = false }: { readonly samples: number; readonly isBig?: boolean },
): Uint8Array | Uint16Array | undefined {
  const count = width * height * samples;
  if (bytes.length < count * bitsAllocated / 8) return undefined;
  if (bitsAllocated === 8) return bytes.subarray(0, count);
  const words = new Uint16Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) words[i] = view.getUint16(2 * i, !isBig);
  return words;
}

/** Whether an RLE frame has a segment for each byte of a value, where its header says. */
function hasSegments(
  frame: Uint8Array,
  { bitsAllocated }: FrameFormat,
  samples: number,
): boolean {
  if (frame.length < 64) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = samples * bitsAllocated / 8;
  const offsets = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true));
  return view.getUint32(0, true) === count &&
    offsets.every((offset, i) => offset >= (offsets[i - 1] ?? 64) && offset < frame.length);
}
