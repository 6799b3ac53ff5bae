/**
 * What another DICOM object says of the radiograph that it was made from.
 *
 * @module
 */

import type { Size } from "../../base/geometry.ts";
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
  /**
   * What a PACS files it by: the bytes of each attribute of {@linkcode PATIENT_VRS} that it has, by
   * tag; only where they were asked for.
   */
  readonly patient?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** How a radiograph is read. */
export interface ReferenceOptions {
  /**
   * Whether the attributes of patient and study are read.
   *
   * @default {false}
   */
  readonly withPatient?: boolean;
}

/** The tag of Specific Character Set, which says what the bytes of texts mean. */
export const CHARACTER_SET = "00080005";

/**
 * Attributes of patient and study by which a PACS files an image, with their VRs: PS3.3, C.7.1.1
 * and C.7.2.1, as far as they are matched.
 */
export const PATIENT_VRS: Readonly<Record<string, string>> = {
  [CHARACTER_SET]: "CS",
  "00080020": "DA", // Study Date
  "00080030": "TM", // Study Time
  "00080050": "SH", // Accession Number
  "00080090": "PN", // Referring Physician's Name
  "00081030": "LO", // Study Description
  "00100010": "PN", // Patient's Name
  "00100020": "LO", // Patient ID
  "00100021": "LO", // Issuer of Patient ID
  "00100030": "DA", // Patient's Birth Date
  "00100040": "CS", // Patient's Sex
  "00200010": "SH", // Study ID
};

/** Longest value of these, in bytes: its length has 16 bits and is even. */
const MAX_VALUE = 0xfffe;

/** Attributes that are read, and by default no others: a file names its patient. */
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
 * Nothing about the patient is read unless it is asked for.
 *
 * @param bytes The file.
 * @param name What it is called in errors.
 * @param options What is read.
 * @throws {SyntaxError} If it ends before its picture.
 * @throws {RangeError} If its sequences are nested too deeply, or it inflates to too many bytes.
 */
export async function readReference(
  bytes: Uint8Array,
  name: string,
  { withPatient = false }: ReferenceOptions = {},
): Promise<DicomReference> {
  const patientTags = withPatient ? Object.keys(PATIENT_VRS) : [];
  const tags = [...Object.values(TAGS), ...SPACINGS, ...patientTags.map((tag) => `x${tag}`)];
  const { dataSet: file } = await parse(bytes, name, tags);
  const matching = (tag: string, pattern: RegExp) => {
    const text = file.string(tag)?.trim() ?? "";
    return pattern.test(text) ? text : undefined;
  };
  const valueOf = (tag: string): [string, Uint8Array<ArrayBuffer>][] => {
    const { dataOffset = 0, length = 0, items } = file.elements[`x${tag}`] ?? {};
    return length > 0 && length <= MAX_VALUE && !items
      ? [[tag, Uint8Array.from(file.byteArray.subarray(dataOffset, dataOffset + length))]]
      : [];
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
    ...(withPatient && { patient: new Map(patientTags.flatMap(valueOf)) }),
  };
}
