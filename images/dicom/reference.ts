import type { DataSet } from "dicom-parser";
import type { Size } from "../../base/geometry.ts";
import { parse, readValues, spacingOf, SPACINGS } from "./dicom.ts";

/** Data for a reference to a radiograph, and the size of its pixels. */
export interface DicomReference extends Size {
  /** UID of the image's SOP class. */
  readonly sopClass?: string;
  /** UID of the image itself. */
  readonly sopInstance?: string;
  /** UID of the series. */
  readonly series?: string;
  /** UID of the study. */
  readonly study?: string;
  /** UID of the frame of reference, which few radiographs have. */
  readonly frameOfReference?: string;
  /** Distance between rows, then between columns, in mm: height and width of a pixel. */
  readonly spacing?: readonly [row: number, column: number];
  /** Ratio and method of any lossy compression of the pixels. */
  readonly lossy?: { readonly ratio: string; readonly method: string };
  /**
   * Attributes by which a PACS files the image: bytes of each {@linkcode PATIENT_VRS} attribute in
   * the file, by tag. Absent unless requested.
   */
  readonly patient?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Options of {@linkcode readReference}. */
export interface ReferenceOptions {
  /**
   * Whether the attributes of patient and study are read.
   *
   * @default {false}
   */
  readonly withPatient?: boolean;
}

/** Tag of Specific Character Set, which states the encoding of texts. */
export const CHARACTER_SET = "00080005";

/**
 * VRs of the attributes of patient and study by which a PACS files an image. They are the
 * attributes of PS3.3, C.7.1.1 and C.7.2.1 that a PACS matches.
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

/** Longest value of a patient attribute in bytes: its length has 16 bits and is even. */
const MAX_VALUE = 0xfffe;

/** Attributes to read; by default no others are read, because a file names its patient. */
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

/**
 * Reads the data for a reference to a radiograph; missing or invalid attributes are left out.
 * Nothing about the patient is read unless requested.
 *
 * @param name Name of the file in errors.
 * @throws {SyntaxError} If the file is not DICOM or ends before its picture.
 * @throws {RangeError} If sequences are nested too deeply, or the file inflates to over 128 MiB.
 */
export async function readReference(
  bytes: Uint8Array,
  name: string,
  { withPatient = false }: ReferenceOptions = {},
): Promise<DicomReference> {
  const patientTags = withPatient ? Object.keys(PATIENT_VRS) : [];
  const tags = [...Object.values(TAGS), ...SPACINGS, ...patientTags.map((tag) => `x${tag}`)];
  const { dataSet } = await parse(bytes, name, tags);
  return readValues(name, () => referenceOf(dataSet, patientTags));
}

function referenceOf(file: DataSet, patientTags: readonly string[]): DicomReference {
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
  const spacing = spacingOf(file);
  return {
    width: file.uint16(TAGS.columns) ?? 0,
    height: file.uint16(TAGS.rows) ?? 0,
    ...Object.fromEntries(uids),
    ...(spacing && { spacing }),
    ...(isLossy && { lossy: { ratio, method } }),
    ...(patientTags.length > 0 && { patient: new Map(patientTags.flatMap(valueOf)) }),
  };
}
