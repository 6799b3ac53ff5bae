import { concat } from "@std/bytes/concat";
import type { DataSet, Element } from "dicom-parser";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../../base/errors.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { grayLevels } from "../gray_levels.ts";
import { type DicomFile, firstElement, readElements } from "./elements.ts";
import { type Grayscale, GRAYSCALE_TAGS, readGrayscale } from "./grayscale.ts";
import { decodeFrame, unsupportedSyntax } from "./pixels.ts";
import type { FrameFormat } from "./frame_format.ts";

/** Modalities of a radiograph: computed, digital, conventional on film, other, and not stated. */
const MODALITIES = ["CR", "DX", "RG", "OT", ""];

/** Values per pixel of the photometric interpretations that may hold grey. */
const SAMPLES: Readonly<Record<string, number>> = {
  MONOCHROME1: 1,
  MONOCHROME2: 1,
  "PALETTE COLOR": 1,
  RGB: 3,
  YBR_FULL: 3,
  YBR_FULL_422: 3,
  YBR_RCT: 3,
  YBR_ICT: 3,
};

/** Attributes to read; no others are read, because a file names its patient. */
const TAGS = {
  mediaClass: "x00020002",
  transferSyntax: "x00020010",
  sopClass: "x00080016",
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
  floatPixelData: "x7fe00008",
  doublePixelData: "x7fe00009",
  pixelData: "x7fe00010",
} as const;

/** Tags of pixel sizes, by preference: in the patient, at the detector, of a scanned film. */
export const SPACINGS: readonly string[] = ["x00280030", "x00181164", "x00182010"];

/** Kinds of DICOM objects without a picture, by the start of their SOP class UID. */
const NO_PICTURES: readonly (readonly [start: string, kind: string])[] = [
  ["1.2.840.10008.1.3.10", "a DICOMDIR"],
  ["1.2.840.10008.5.1.4.1.1.9.", "a waveform"],
  ["1.2.840.10008.5.1.4.1.1.11.", "a presentation state"],
  ["1.2.840.10008.5.1.4.1.1.66", "raw data or a registration"],
  ["1.2.840.10008.5.1.4.1.1.88.59", "a key object selection"],
  ["1.2.840.10008.5.1.4.1.1.88.", "a structured report"],
  ["1.2.840.10008.5.1.4.1.1.104.", "an encapsulated document"],
  ["1.2.840.10008.5.1.4.1.1.481.", "a radiotherapy object"],
];

/**
 * Whether bytes begin like a DICOM file: with 128 arbitrary bytes and `DICM`, or with `DICM` alone.
 * Files from old programs and networks begin with an element of group 2 or 8 instead.
 *
 * @param bytes The file, or its first 132 bytes or more.
 */
export function isDicom(bytes: Uint8Array): boolean {
  return firstElement(bytes) !== undefined;
}

/**
 * Decodes a radiograph: one frame of grey pixels, stored as grey or as colour. A value has 8 or 16
 * bits, of which any number may be used. The frame may be uncompressed, or compressed as RLE, JPEG,
 * JPEG-LS, JPEG 2000 or HTJ2K. The encoding that the file states may be wrong or missing.
 * {@linkcode readGrayscale} decides how values become grey. Nothing about the patient is kept or
 * named in an error.
 *
 * @param name Name of the file in errors.
 * @param maxPixels Maximum number of pixels to decode.
 * @throws {SyntaxError} If the file is truncated or corrupt.
 * @throws {TypeError} If the file is not one frame of grey pixels, or is not supported.
 * @throws {RangeError} If the file has over `maxPixels` pixels, or takes too much work to read.
 */
export async function decodeDicom(
  bytes: Uint8Array,
  name: string,
  maxPixels: number,
): Promise<GrayImage> {
  const { dataSet: file, isBigEndian } = await parse(bytes, name);
  const element = file.elements[TAGS.pixelData];
  if (!element || element.length === 0) {
    throw new InputTypeError(
      `Cannot read ${name}: ${readValues(name, () => withoutPicture(file))}`,
    );
  }
  const header = readValues(name, () => readHeader(file, name, maxPixels));
  const { width, height, isSigned } = header.frame;
  const stored = await decodeFrame(pixelData(file, element), name, {
    syntax: header.syntax,
    isEncapsulated: element.fragments !== undefined,
    isBigEndian,
    isInWords: element.vr !== "OB",
  }, header.frame);
  if (!stored) throw corrupt(name);
  const { data: values, bits, shift } = stored;
  const { format, describe } = header.grayscale;
  const { data, spread } = grayLevels(values, { ...format, isSigned, bits, shift });
  const spacing = readValues(name, () => spacingOf(file));
  return { data, width, height, grayLevels: describe(spread), ...(spacing && { spacing }) };
}

/** Distance between rows, then between columns, in mm; `undefined` if the file states none. */
export function spacingOf(file: DataSet): [row: number, column: number] | undefined {
  return SPACINGS.map((tag): [number, number] => {
    const [row = "", column = ""] = file.string(tag)?.split("\\") ?? [];
    return [parseFloat(row), parseFloat(column)];
  }).find((sizes) => sizes.every((size) => size > 0 && size < Infinity));
}

/** Reason why a file without Pixel Data cannot be read. */
function withoutPicture(file: DataSet): string {
  if (file.elements[TAGS.floatPixelData] || file.elements[TAGS.doublePixelData]) {
    return "its pixels are floating-point numbers, expected whole ones";
  }
  const uid = file.string(TAGS.sopClass) ?? file.string(TAGS.mediaClass) ?? "";
  const [, kind] = NO_PICTURES.find(([start]) => uid.startsWith(start)) ?? [];
  const shown = kind ?? (/^[\d.]{1,64}$/.test(uid) ? `of the SOP class ${uid}` : "");
  return "the DICOM file holds no picture" + (shown && `: it is ${shown}`);
}

function corrupt(name: string): SyntaxError {
  return new InputSyntaxError(`Cannot read ${name}: the DICOM file is truncated or corrupt`);
}

/**
 * Runs code that reads values with dicom-parser, which throws a text if a value ends too early.
 *
 * @param name Name of the file in errors.
 * @throws {SyntaxError} If a value ends too early.
 */
export function readValues<Result>(name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw typeof error === "string" ? corrupt(name) : error;
  }
}

/**
 * Reads a file's elements without decoding its picture.
 *
 * @param name Name of the file in errors.
 * @param tags Tags of the elements to keep, beside the picture.
 * @throws {SyntaxError} If the file is not DICOM or ends before its picture.
 * @throws {RangeError} If sequences are nested too deeply, or the file inflates to over 128 MiB.
 */
export async function parse(
  bytes: Uint8Array,
  name: string,
  tags: readonly string[] = [...Object.values(TAGS), ...GRAYSCALE_TAGS, ...SPACINGS],
): Promise<DicomFile> {
  const file = await readElements(bytes, name, [TAGS.pixelData, ...tags]);
  const isWhole = file && (!file.isCut || file.dataSet.elements[TAGS.pixelData]);
  if (!isWhole) throw corrupt(name);
  return file;
}

/** Bytes of the only frame: its fragments joined, or its value if it has no fragments. */
function pixelData({ byteArray }: DataSet, { dataOffset, length, fragments }: Element): Uint8Array {
  const parts = (fragments ?? [{ position: dataOffset, length }])
    .map(({ position, length }) => byteArray.subarray(position, position + length));
  return parts.length === 1 ? parts[0]! : concat(parts);
}

/** Adds the name of the file to a `TypeError` about a part of its header. */
function inFile<Result>(name: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputTypeError)) throw error;
    throw new InputTypeError(`Cannot read ${name}: ${error.message}`);
  }
}

/** The file's description of its only frame. */
interface Header {
  readonly syntax: string;
  readonly frame: FrameFormat;
  readonly grayscale: Grayscale;
}

function readHeader(file: DataSet, name: string, maxPixels: number): Header {
  const integer = (tag: keyof typeof TAGS) =>
    file.elements[TAGS[tag]]?.vr === "IS" ? file.intString(TAGS[tag]) : file.uint16(TAGS[tag]);
  /** A code that may be shown in messages; `unknown` if the value is not a plain code. */
  const code = (tag: keyof typeof TAGS) => {
    const value = file.string(TAGS[tag], 0)?.trim() ?? "";
    return /^[A-Z0-9_. ]{0,64}$/.test(value) ? value : "unknown";
  };
  const refuse = (what: string) => new InputTypeError(`Cannot read ${name}: ${what}`);

  const modality = code("modality");
  if (!MODALITIES.includes(modality)) {
    throw refuse(`its modality is ${modality}, expected a radiograph (CR, DX, RG or OT)`);
  }
  // As in pydicom, a file that states 0 frames holds one.
  const frames = file.intString(TAGS.frames) || 1;
  if (frames !== 1) throw refuse(`it has ${frames} frames, expected 1`);
  const photometric = code("photometric");
  const samples = SAMPLES[photometric];
  if (samples === undefined) {
    const expected = "MONOCHROME1, MONOCHROME2 or greys as RGB, YBR_FULL or PALETTE COLOR";
    throw refuse(`its pixels are ${photometric || "undefined"}, expected ${expected}`);
  }
  const stated = integer("samplesPerPixel") ?? samples;
  if (stated !== samples) {
    throw refuse(`it has ${stated} values a pixel, and its ${photometric} has ${samples}`);
  }
  const syntax = code("transferSyntax");
  const unsupported = unsupportedSyntax(syntax);
  if (unsupported) throw refuse(unsupported);

  const [width = 0, height = 0] = [integer("columns"), integer("rows")];
  if (!(width > 0 && height > 0)) {
    throw refuse(`it states ${height} rows and ${width} columns, expected 1 or more of each`);
  }
  if (width * height > maxPixels) {
    throw new InputRangeError(
      `Cannot read ${name}: ${width}x${height} pixels are more than ${maxPixels}`,
    );
  }
  const bitsAllocated = integer("bitsAllocated");
  const bitsStored = integer("bitsStored") ?? bitsAllocated ?? 0;
  if (bitsAllocated !== 8 && bitsAllocated !== 16) {
    throw refuse(`it has ${bitsAllocated ?? "no"} bits a value, expected 8 or 16`);
  }
  const highBit = integer("highBit") ?? bitsStored - 1;
  const shift = highBit + 1 - bitsStored;
  if (!(bitsStored >= 1 && shift >= 0 && highBit < bitsAllocated)) {
    throw refuse(
      `its ${bitsStored} bits stored and high bit ${highBit} do not fit ${bitsAllocated} bits allocated`,
    );
  }
  const isSigned = integer("pixelRepresentation") === 1;
  return {
    syntax,
    frame: {
      width,
      height,
      bitsAllocated,
      bitsStored,
      shift,
      isSigned,
      ...(samples === 3 && {
        color: { photometric, isPlanar: integer("planarConfiguration") === 1 },
      }),
    },
    grayscale: inFile(name, () => readGrayscale(file, { bits: bitsStored, isSigned, photometric })),
  };
}
