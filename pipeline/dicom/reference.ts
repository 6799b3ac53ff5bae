/**
 * What another DICOM object says of the radiograph that it was made from.
 *
 * @module
 */

import type { Size } from "../../shaders/resize_cpu.ts";
import { parse } from "./dicom.ts";

/** How a radiograph is referred to, and how large its pixels are. */
export interface DicomReference extends Size {
  /** UID of its kind of object. */
  readonly sopClass?: string;
  /** UID of the image itself. */
  readonly sopInstance?: string;
  /** UID of its series. */
  readonly series?: string;
  /** UID of its study. */
  readonly study?: string;
  /** UID of its frame of reference, which few radiographs have. */
  readonly frameOfReference?: string;
  /** Height and width of a pixel in mm, as the file has them: rows are this far apart first. */
  readonly spacing?: readonly [row: number, column: number];
  /** Ratio and method of a lossy compression that its pixels went through. */
  readonly lossy?: { readonly ratio: string; readonly method: string };
}

/** Attributes that are read, and no others: a file names its patient. */
const TAGS = {
  sopClass: "x00080016",
  sopInstance: "x00080018",
  study: "x0020000d",
  series: "x0020000e",
  frameOfReference: "x00200052",
  rows: "x00280010",
  columns: "x00280011",
  lossy: "x00282110",
  lossyRatio: "x00282112",
  lossyMethod: "x00282114",
} as const;

/** Where pixel sizes stand: in the patient, else at the detector, else of a scanned film. */
const SPACINGS = ["x00280030", "x00181164", "x00182010"];

/**
 * Reads how a radiograph is referred to; what the file lacks or has wrong is left out.
 * Nothing about the patient is read.
 *
 * @param bytes The file.
 * @param name What it is called in errors.
 * @throws {SyntaxError} If it ends before its picture.
 * @throws {RangeError} If its sequences are nested too deeply, or it inflates to too many bytes.
 */
export async function readReference(bytes: Uint8Array, name: string): Promise<DicomReference> {
  const { dataSet: file } = await parse(bytes, name, [...Object.values(TAGS), ...SPACINGS]);
  const matching = (tag: string, pattern: RegExp) => {
    const text = file.string(tag)?.trim() ?? "";
    return pattern.test(text) ? text : undefined;
  };
  const uids = (["sopClass", "sopInstance", "study", "series", "frameOfReference"] as const)
    .map((key) => [key, matching(TAGS[key], /^\d[\d.]{0,63}$/)] as const)
    .filter(([, uid]) => uid !== undefined);
  const ratio = matching(TAGS.lossyRatio, /^[\d.\\]{1,64}$/);
  const method = matching(TAGS.lossyMethod, /^[A-Z0-9_\\]{1,64}$/);
  const isLossy = matching(TAGS.lossy, /^01$/) && ratio && method;
  const spacing = SPACINGS.map((tag): [number, number] => [
    file.floatString(tag, 0) ?? NaN,
    file.floatString(tag, 1) ?? NaN,
  ]).find((sizes) => sizes.every((size) => size > 0 && size < Infinity));
  return {
    width: file.uint16(TAGS.columns) ?? 0,
    height: file.uint16(TAGS.rows) ?? 0,
    ...Object.fromEntries(uids),
    ...(spacing && { spacing }),
    ...(isLossy && { lossy: { ratio, method } }),
  };
}
