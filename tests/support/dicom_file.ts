/** A value of an element: a number is a 16-bit word, and a list of arrays holds fragments. */
type Value = string | number | Uint8Array | readonly Uint8Array[] | Sequence;

/** Items of a sequence. */
interface Sequence {
  readonly items: readonly DicomElements[];
}

/** Elements of a DICOM file by tag, such as `00280010`. */
export type DicomElements = Readonly<Record<string, Value>>;

/** UIDs of the transfer syntaxes: explicit and implicit little endian, explicit big endian. */
export const EXPLICIT = "1.2.840.10008.1.2.1";
export const IMPLICIT = "1.2.840.10008.1.2";
export const BIG_ENDIAN = "1.2.840.10008.1.2.2";

/** Default elements of a radiograph in the tests, 3 pixels by 2. */
export const RADIOGRAPH: DicomElements = {
  "00080060": "DX",
  "00100010": "Doe^Jane",
  "00280002": 1,
  "00280004": "MONOCHROME2",
  "00280010": 2,
  "00280011": 3,
  "00280100": 16,
  "00280101": 12,
  "00280102": 11,
  "00280103": 0,
};

/** Values of 12 bits for the pixels of {@linkcode RADIOGRAPH}. */
export const VALUES = [0, 1000, 2000, 3000, 4000, 4095];

/** {@linkcode VALUES} spread to 0..255. */
export const SPREAD = [0, 62, 124, 186, 249, 255];

/** VRs with two reserved bytes and a length of 32 bits. */
const LONG_VRS = "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" ");

/** Encoding of an element; by default with explicit VR in little endian. */
export interface Writing {
  readonly isImplicit?: boolean;
  readonly isBig?: boolean;
  /** VR of the element; by default a VR that fits the kind of value. */
  readonly vr?: string;
  /** Stated length, if it differs from the length of the value. */
  readonly length?: number;
}

/** Stated length of an element that ends at a delimiter. */
export const UNDEFINED_LENGTH = 0xffffffff;

/** Makes a DICOM file from elements. */
export function dicomFile(elements: DicomElements, syntax = EXPLICIT): Uint8Array {
  return Uint8Array.from([
    ...PREAMBLE,
    ...metaGroup(syntax),
    ...dataSet(elements, { isImplicit: syntax === IMPLICIT, isBig: syntax === BIG_ENDIAN }),
  ]);
}

/** Start of a DICOM file: 128 zeros and `DICM`. */
export const PREAMBLE: readonly number[] = [...Array(128).fill(0), ...ascii("DICM")];

/** Encodes the elements of group 2. */
export function metaGroup(syntax: string, writing: Writing = {}): number[] {
  const meta = element("00020010", syntax, writing);
  const length = number(meta.length, 4, writing.isBig);
  return [...element("00020000", Uint8Array.from(length), { ...writing, vr: "UL" }), ...meta];
}

/** Encodes elements in the order of their tags. */
export function dataSet(elements: DicomElements, writing: Writing = {}): number[] {
  return Object.keys(elements).sort().flatMap((tag) => element(tag, elements[tag]!, writing));
}

/** Encodes 16-bit values as bytes. */
export function words(values: readonly number[], isBig = false): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => number(value, 2, isBig)));
}

/** Encodes an item or a delimiter; `name` is the second half of its tag. */
export function item(
  name: number,
  bytes: ArrayLike<number> = [],
  { isBig = false, length = bytes.length }: Writing = {},
): number[] {
  return [
    ...number(0xfffe, 2, isBig),
    ...number(name, 2, isBig),
    ...number(length, 4, isBig),
    ...Array.from(bytes),
  ];
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

function number(value: number, length: number, isBig = false): number[] {
  const bytes = Array.from({ length }, (_, i) => value >>> 8 * i & 255);
  return isBig ? bytes.reverse() : bytes;
}

const even = (bytes: number[], padding: number) => bytes.length % 2 ? [...bytes, padding] : bytes;

/** Encodes one element. */
export function element(tag: string, value: Value, writing: Writing = {}): number[] {
  const { isImplicit, isBig } = writing;
  const [group, name] = [0, 4].map((at) => Number.parseInt(tag.slice(at, at + 4), 16));
  const head = [...number(group!, 2, isBig), ...number(name!, 2, isBig)];
  if (Array.isArray(value)) {
    // Fragments: an empty offset table, the items, and a delimiter.
    const items = [[], ...value].flatMap((part) => item(0xe000, even([...part], 0)));
    const bytes = Uint8Array.from([...items, ...item(0xe0dd)]);
    return element(tag, bytes, { ...writing, vr: "OB", length: UNDEFINED_LENGTH });
  }
  if (typeof value === "object" && "items" in value) {
    const own = { isImplicit: isImplicit ?? false, isBig: isBig ?? false };
    const items = value.items.flatMap((inside) => item(0xe000, dataSet(inside, own), own));
    return element(tag, Uint8Array.from(items), { vr: "SQ", ...writing });
  }
  const bytes = typeof value === "string"
    ? even(ascii(value), name === 0x10 && group === 2 ? 0 : 32)
    : typeof value === "number"
    ? number(value, 2, isBig)
    : even([...value as Uint8Array], 0);
  const length = writing.length ?? bytes.length;
  if (isImplicit) return [...head, ...number(length, 4, isBig), ...bytes];
  const { vr = typeof value === "string" ? "LO" : typeof value === "number" ? "US" : "OW" } =
    writing;
  const stated = LONG_VRS.includes(vr)
    ? [0, 0, ...number(length, 4, isBig)]
    : number(length, 2, isBig);
  return [...head, ...ascii(vr), ...stated, ...bytes];
}
