/** A value of an element: numbers are 16-bit words, and lists of bytes fragments. */
type Value = string | number | Uint8Array | readonly Uint8Array[] | Sequence;

/** Items of a sequence. */
interface Sequence {
  readonly items: readonly DicomElements[];
}

/** Elements of a DICOM file by tag, such as `00280010`. */
export type DicomElements = Readonly<Record<string, Value>>;

const EXPLICIT = "1.2.840.10008.1.2.1";
const IMPLICIT = "1.2.840.10008.1.2";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";

/** What every radiograph of the tests says, unless it says otherwise; 3 pixels by 2. */
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

/** A DICOM file of some elements. */
export function dicomFile(elements: DicomElements, syntax = EXPLICIT): Uint8Array {
  const isBig = syntax === BIG_ENDIAN;
  const meta = dataSet({ "00020010": syntax });
  return Uint8Array.from([
    ...Array(128).fill(0),
    ...ascii("DICM"),
    ...element("00020000", Uint8Array.of(meta.length, 0, 0, 0), false, false, "UL"),
    ...meta,
    ...dataSet(elements, syntax === IMPLICIT, isBig),
  ]);
}

function dataSet(tags: DicomElements, implicit = false, big = false): number[] {
  return Object.keys(tags).sort().flatMap((tag) => element(tag, tags[tag]!, implicit, big));
}

/** 16-bit values as bytes. */
export function words(values: readonly number[], isBig = false): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => integer(value, 2, isBig)));
}

const ascii = (text: string) => [...text].map((character) => character.charCodeAt(0));

function integer(value: number, length: number, isBig: boolean): number[] {
  const bytes = Array.from({ length }, (_, i) => value >>> 8 * i & 255);
  return isBig ? bytes.reverse() : bytes;
}

const even = (bytes: number[], padding: number) => bytes.length % 2 ? [...bytes, padding] : bytes;

function element(
  tag: string,
  value: Value,
  implicit: boolean,
  isBig: boolean,
  given?: string,
): number[] {
  const number = (value: number, length: number) => integer(value, length, isBig);
  const [group, name] = [0, 4].map((at) => Number.parseInt(tag.slice(at, at + 4), 16));
  const head = [...number(group!, 2), ...number(name!, 2)];
  if (Array.isArray(value)) {
    // Fragments: an empty offset table, the items, and a delimiter.
    const item = (name: number, bytes: number[]) => [
      ...number(0xfffe, 2),
      ...number(name, 2),
      ...number(bytes.length, 4),
      ...bytes,
    ];
    const items = [[], ...value.map((part) => even([...part], 0))].map((part) =>
      item(0xe000, part)
    );
    return [
      ...head,
      ...ascii("OB"),
      0,
      0,
      ...Array(4).fill(255),
      ...items.flat(),
      ...item(0xe0dd, []),
    ];
  }
  if (typeof value === "object" && "items" in value) {
    const items = value.items.flatMap((tags) => {
      const inside = dataSet(tags, implicit, isBig);
      return [...number(0xfffe, 2), ...number(0xe000, 2), ...number(inside.length, 4), ...inside];
    });
    const vr = implicit ? [] : [...ascii("SQ"), 0, 0];
    return [...head, ...vr, ...number(items.length, 4), ...items];
  }
  const bytes = typeof value === "string"
    ? even(ascii(value), name === 0x10 && group === 2 ? 0 : 32)
    : typeof value === "number"
    ? number(value, 2)
    : even([...value as Uint8Array], 0);
  if (implicit) return [...head, ...number(bytes.length, 4), ...bytes];
  const vr = given ?? (typeof value === "string" ? "LO" : typeof value === "number" ? "US" : "OW");
  const length = vr === "OW" ? [0, 0, ...number(bytes.length, 4)] : number(bytes.length, 2);
  return [...head, ...ascii(vr), ...length, ...bytes];
}
