import { InputRangeError, InputTypeError } from "../../base/errors.ts";
import type { FrameFormat } from "./frame_format.ts";
import { type ChannelFormat, grayChannel } from "./channels.ts";
import { decompress } from "./codecs.ts";
import { decodeWhole, jpegStream, MAX_SCANS } from "../decoders/jpeg_stream.ts";
import { type Codestream, readCodestream } from "./codestream.ts";

/** Encoding of a frame's bytes. */
export interface FrameEncoding {
  /** UID of the transfer syntax that the file states; empty if it states none. */
  readonly syntax: string;
  /** Whether the frame is stored in fragments, like a compressed frame. */
  readonly isEncapsulated: boolean;
  /** Whether uncompressed values have their high byte first. */
  readonly isBigEndian: boolean;
  /** Whether bytes are stored in words, with two 8-bit values in each. */
  readonly isInWords: boolean;
}

/** The values of a frame. */
export interface StoredValues {
  /** Values row by row. */
  readonly data: Uint8Array | Uint16Array;
  /** Number of used bits per value; in two's complement if the header says so. */
  readonly bits: number;
  /** Number of bits below the used bits. */
  readonly shift: number;
}

const RLE = "1.2.840.10008.1.2.5";

/** Transfer syntaxes of uncompressed frames. */
const UNCOMPRESSED = [
  "1.2.840.10008.1.2", // implicit little endian
  "1.2.840.10008.1.2.1", // explicit little endian
  "1.2.840.10008.1.2.1.98", // uncompressed, but in fragments
  "1.2.840.10008.1.2.1.99", // deflated as a whole
  "1.2.840.10008.1.2.2", // explicit big endian
];

/** Transfer syntaxes of compressed frames that are supported. */
const COMPRESSED = [
  RLE,
  "1.2.840.10008.1.2.4.50", // JPEG baseline
  "1.2.840.10008.1.2.4.51", // extended, 12 bits
  "1.2.840.10008.1.2.4.53", // extended, 12 bits, in several scans, retired
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

/** Kinds of other transfer syntaxes, by the start of their UIDs. */
const OTHERS: readonly (readonly [start: string, kind: string])[] = [
  ["1.2.840.10008.1.2.4.9", "JPEG 2000 of several components or JPIP"],
  ["1.2.840.10008.1.2.4.10", "a video"],
  ["1.2.840.10008.1.2.4.11", "JPEG XL"],
  ["1.2.840.10008.1.2.4.20", "JPIP"],
  ["1.2.840.10008.1.2.4", "a kind of JPEG that is retired"],
  ["1.2.840.10008.", "not one of single pictures"],
];

/**
 * Gives the reason why frames in a transfer syntax cannot be decoded.
 *
 * @param syntax UID of the transfer syntax; empty if the file states none.
 * @returns `undefined` if the UID gives no reason.
 */
export function unsupportedSyntax(syntax: string): string | undefined {
  if (syntax === "" || UNCOMPRESSED.includes(syntax) || COMPRESSED.includes(syntax)) return;
  const [, kind = "private"] = OTHERS.find(([start]) => syntax.startsWith(start)) ?? [];
  return `its transfer syntax ${syntax} is not supported (it is ${kind})`;
}

/**
 * Decodes one frame. The bytes themselves decide the decoder: after a conversion, a file may state
 * another transfer syntax than its frame has.
 *
 * @param bytes The frame, with its fragments joined.
 * @param name Name of the file in errors.
 * @param encoding Encoding of the bytes, as stated by the file.
 * @param format Format of the values, as stated by the file's header.
 * @returns `undefined` if bytes are missing or cannot be decoded.
 * @throws {TypeError} If the frame contradicts the header, has colours or is not supported.
 * @throws {RangeError} If the frame has too many scans.
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
  // Two pixels share their colour values, unless there are bytes enough for three values per pixel.
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
  return new InputTypeError(`Cannot read ${name}: its ${what} pixels have colours, expected greys`);
}

/** Decodes a frame whose own header states its size and bits. */
async function decodeCodestream(
  { codec, kind, width, height, bits, channels, scans, bytes }: Codestream,
  frame: Uint8Array,
  name: string,
  format: FrameFormat,
): Promise<StoredValues | undefined> {
  const refuse = (what: string) =>
    new InputTypeError(`Cannot read ${name}: its ${kind} frame ${what}`);
  if (!codec) throw refuse("is not supported");
  if (width !== format.width || height !== format.height) {
    throw refuse(`has ${width}x${height} pixels, expected ${format.width}x${format.height}`);
  }
  if (channels !== 1 && channels !== 3) {
    throw refuse(`has ${channels} channels, expected 1 or 3`);
  }
  if (bits > 16) throw refuse(`has ${bits} bits a value, expected up to 16`);
  if (scans > MAX_SCANS) {
    throw new InputRangeError(`Cannot read ${name}: its ${scans} scans are more than ${MAX_SCANS}`);
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
    // The frame may hold RGB or YBR, because a file may state RGB for a JPEG in YBR.
    const channel = { pixels: width * height, bits, meaning: "either" } as const;
    const values = data;
    data = grayChannel(values, { ...channel, layout: "pixels" }) ??
      // JPEG-LS with one scan per channel decodes to planes.
      (codec === "DecodeJpegLs"
        ? grayChannel(values, { ...channel, layout: "planes" })
        : undefined);
    if (!data) throw inColor(name, format.color?.photometric ?? kind);
  }
  // A frame with all allocated bits includes the bits below the used ones; most frames omit them.
  const hasAll = format.shift + format.bitsStored <= bits;
  return data && { data, bits, shift: hasAll ? format.shift : 0 };
}

/** Decodes a JPEG that lacks its end marker; `undefined` if pixels are missing. */
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

/** Swaps the two bytes of each pair. */
function swapped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => bytes[i ^ 1] ?? byte);
}

/** Converts bytes to values and drops padding bytes; `undefined` if bytes are missing. */
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

/** Whether a frame has an RLE header with one segment in range for each byte of a pixel. */
function hasSegments(frame: Uint8Array, { bitsAllocated }: FrameFormat, samples: number): boolean {
  if (frame.length < 64) return false;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = samples * bitsAllocated / 8;
  const offsets = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true));
  return view.getUint32(0, true) === count &&
    offsets.every((offset, i) => offset >= (offsets[i - 1] ?? 64) && offset < frame.length);
}
