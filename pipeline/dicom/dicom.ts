/**
 * Chest X-rays as DICOM files.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import type { DataSet, Element } from "dicom-parser";
import type { GrayImage } from "../preprocess.ts";
import { grayLevels } from "../gray_levels.ts";
import { type Grayscale, GRAYSCALE_TAGS, readGrayscale } from "./grayscale.ts";
import { type ChannelFormat, grayChannel } from "./channels.ts";
import { decodeFrame, type FrameFormat, isKnownSyntax, JPEG_LS, RLE } from "./pixels.ts";

/** Modalities of a radiograph: computed, digital, conventional on film, and what is not stated. */
const MODALITIES = ["CR", "DX", "RG", "OT", ""];

/** Photometric interpretations that may hold grey, and the values that each has a pixel. */
const SAMPLES: Readonly<Record<string, number>> = {
  ...{ MONOCHROME1: 1, MONOCHROME2: 1, "PALETTE COLOR": 1 },
  ...{ RGB: 3, YBR_FULL: 3, YBR_FULL_422: 3, YBR_RCT: 3, YBR_ICT: 3 },
};

/** Attributes that are read, and no others: a file names its patient. */
const TAGS = {
  transferSyntax: "x00020010",
  modality: "x00080060",
  samplesPerPixel: "x00280002",
  photometric: "x00280004",
  frames: "x00280008",
  planarConfiguration: "x00280006",
  rows: "x00280010",
  columns: "x00280011",
  bitsAllocated: "x00280100",
  bitsStored: "x00280101",
  highBit: "x00280102",
  pixelRepresentation: "x00280103",
  pixelData: "x7fe00010",
} as const;

/** Whether bytes begin as a DICOM file does: 128 bytes of anything, then `DICM`. */
export function isDicom(bytes: Uint8Array): boolean {
  return [0x44, 0x49, 0x43, 0x4d].every((byte, i) => bytes[128 + i] === byte);
}

/**
 * Decodes a radiograph: one frame of greys, stored as such or as colours, of 8
 * or 16 bits a value, of which any number may be used, uncompressed or as RLE, JPEG, JPEG-LS or JPEG 2000.
 * {@linkcode readGrayscale} says what becomes of its values. Nothing about the
 * patient is kept or named in an error.
 *
 * @param bytes The file.
 * @param name What it is called in errors.
 * @param maxPixels Most pixels that are decoded.
 * @throws {SyntaxError} If it is truncated or corrupt.
 * @throws {TypeError} If it is anything but one greyscale frame, or compressed in another way.
 * @throws {RangeError} If it has more pixels than that.
 */
export async function decodeDicom(
  bytes: Uint8Array,
  name: string,
  maxPixels: number,
): Promise<GrayImage> {
  const file = await parse(bytes, name);
  const element = file.elements[TAGS.pixelData];
  if (!element) throw new TypeError(`Cannot read ${name}: the DICOM file holds no picture`);
  const header = readHeader(file, name, maxPixels);
  const { photometric, isPlanar } = header;
  const { width, height, bitsStored: bits, isSigned } = header.frame;
  const pixels = width * height;
  const frame = pixelData(file, element);
  const isColor = photometric === "RGB" || photometric.startsWith("YBR");
  const isCompressed = element.fragments !== undefined;
  const isPaired = photometric === "YBR_FULL_422" && !isCompressed && frame.length < 3 * pixels;
  const decoded = await decodeFrame(frame, header.syntax, {
    ...header.frame,
    samples: isPaired ? 2 : isColor ? 3 : 1,
  });
  if (!decoded) throw corrupt(name);
  const meaning = isCompressed && header.syntax !== RLE
    ? "either"
    : photometric.startsWith("YBR_FULL")
    ? "YBR"
    : "RGB";
  const gray = (layout: ChannelFormat["layout"]) =>
    grayChannel(decoded, { pixels, bits, layout, meaning });
  const stored = !isColor
    ? decoded
    : isPaired
    ? gray("pairs")
    : isPlanar && !isCompressed
    ? gray("planes")
    // JPEG-LS comes as planes where its scans are such, which its decoder does not say.
    : gray("pixels") ?? (JPEG_LS.includes(header.syntax) ? gray("planes") : undefined);
  if (!stored) {
    throw new TypeError(
      `Cannot read ${name}: its ${photometric} pixels have colours, expected greys`,
    );
  }
  const { shift, grayscale: { format, describe } } = header;
  const { data, spread } = grayLevels(stored, { bits, isSigned, shift, ...format });
  return { data, width, height, grayLevels: describe(spread) };
}

function corrupt(name: string): SyntaxError {
  return new SyntaxError(`Cannot read ${name}: the DICOM file is truncated or corrupt`);
}

/**
 * Reads a file's elements, but for its picture.
 *
 * @param tags Those that will be asked for.
 * @throws {SyntaxError} If it is corrupt, or one of them is not there to its end.
 * @throws {TypeError} If it is deflated.
 */
export async function parse(
  bytes: Uint8Array,
  name: string,
  tags: readonly string[] = [...Object.values(TAGS), ...GRAYSCALE_TAGS],
): Promise<DataSet> {
  const { default: { parseDicom } } = await import("dicom-parser");
  const deflated = new TypeError(`Cannot read ${name}: a deflated DICOM file is not supported`);
  let file: DataSet;
  try {
    file = parseDicom(bytes, {
      inflater: () => {
        throw deflated;
      },
    });
  } catch (error) {
    throw error === deflated ? deflated : corrupt(name);
  }
  // What ends past the file is found out here: reading it would throw a text.
  const isPastEnd = (tag: string) => {
    const { dataOffset = 0, length = 0 } = file.elements[tag] ?? {};
    return dataOffset + length > file.byteArray.length;
  };
  if (tags.some(isPastEnd)) throw corrupt(name);
  return file;
}

/** The fragments of the only frame in one piece, or its bytes where it is not compressed. */
function pixelData({ byteArray }: DataSet, { dataOffset, length, fragments }: Element): Uint8Array {
  const parts = (fragments ?? [{ position: dataOffset, length }])
    .map(({ position, length }) => byteArray.subarray(position, position + length));
  return parts.length === 1 ? parts[0]! : concat(parts);
}

/** Names the file in what a part of its header is refused for. */
function inFile<Result>(name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`Cannot read ${name}: ${error.message}`);
  }
}

/** What the file says of its only frame. */
interface Header {
  readonly syntax: string;
  readonly frame: FrameFormat;
  readonly photometric: string;
  readonly isPlanar: boolean;
  readonly shift: number;
  readonly grayscale: Grayscale;
}

function readHeader(file: DataSet, name: string, maxPixels: number): Header {
  const integer = (tag: keyof typeof TAGS) => file.uint16(TAGS[tag]);
  /** A code for a message, unless something else stands in its place. */
  const code = (tag: keyof typeof TAGS) => {
    const value = file.string(TAGS[tag], 0)?.trim() ?? "";
    return /^[A-Z0-9_. ]{0,64}$/.test(value) ? value : "unknown";
  };
  const refuse = (what: string) => new TypeError(`Cannot read ${name}: ${what}`);

  const modality = code("modality");
  if (!MODALITIES.includes(modality)) {
    throw refuse(`its modality is ${modality}, expected a radiograph (CR, DX, RG or OT)`);
  }
  const frames = file.intString(TAGS.frames) ?? 1;
  if (frames !== 1) throw refuse(`it has ${frames} frames, expected 1`);
  const photometric = code("photometric");
  const samples = SAMPLES[photometric];
  if (samples === undefined) {
    throw refuse(
      `its pixels are ${
        photometric || "undefined"
      }, expected MONOCHROME1, MONOCHROME2 or greys as ` +
        "RGB, YBR_FULL or PALETTE COLOR",
    );
  }
  const stated = integer("samplesPerPixel") ?? samples;
  if (stated !== samples) {
    throw refuse(`it has ${stated} values a pixel, and its ${photometric} has ${samples}`);
  }
  const syntax = code("transferSyntax");
  if (!isKnownSyntax(syntax)) throw refuse(`its transfer syntax ${syntax} is not supported`);

  const [width = 0, height = 0] = [integer("columns"), integer("rows")];
  if (width * height > maxPixels) {
    throw new RangeError(
      `Cannot read ${name}: ${width}x${height} pixels are more than ${maxPixels}`,
    );
  }
  const bitsAllocated = integer("bitsAllocated");
  const bitsStored = integer("bitsStored") ?? bitsAllocated ?? 0;
  if (bitsAllocated !== 8 && bitsAllocated !== 16) {
    throw refuse(`it has ${bitsAllocated ?? "no"} bits a value, expected 8 or 16`);
  }
  const shift = (integer("highBit") ?? bitsStored - 1) + 1 - bitsStored;
  const isPart = bitsStored >= 1 && shift >= 0 && shift + bitsStored <= bitsAllocated;
  if (!isPart) {
    throw refuse(
      `it has ${bitsStored} bits below bit ${shift + bitsStored} of ${bitsAllocated}, ` +
        `expected 1 to ${bitsAllocated} within them`,
    );
  }
  if (!(width > 0 && height > 0)) throw corrupt(name);
  const isSigned = integer("pixelRepresentation") === 1;
  return {
    syntax,
    frame: {
      width,
      height,
      bitsAllocated,
      bitsStored,
      isSigned,
    },
    photometric,
    isPlanar: integer("planarConfiguration") === 1,
    shift,
    grayscale: inFile(name, () => readGrayscale(file, { bits: bitsStored, isSigned, photometric })),
  };
}
