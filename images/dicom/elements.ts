/**
 * Reads the elements of a DICOM file.
 *
 * dicom-parser knows no VR of 64 bits, trusts the stated transfer syntax and requires a preamble.
 * This module therefore finds the elements itself; dicom-parser still reads their values.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import type { ByteArrayParser, DataSet, Element, Fragment } from "dicom-parser";
import { InputRangeError } from "../../base/errors.ts";
import { inflate } from "./inflate.ts";

/** VRs with a length of 16 bits. */
const SHORT_VRS = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" ");

/** VRs with two reserved bytes and a length of 32 bits. */
const LONG_VRS = "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split(" ");

const KNOWN_VRS = new Set([...SHORT_VRS, ...LONG_VRS]);

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const DELIMITERS = [ITEM, ITEM_END, SEQUENCE_END];
const PIXEL_DATA = 0x7fe00010;
const TRANSFER_SYNTAX = "x00020010";

/** Deflated Explicit VR Little Endian. */
const DEFLATED = "1.2.840.10008.1.2.1.99";

/** Stated length of an element that ends at a delimiter. */
const UNDEFINED_LENGTH = 0xffffffff;

/** Longest plausible first element of a file without a preamble, in bytes; a UID has up to 64. */
const MAX_FIRST = 256;

/** Maximum nesting depth of sequences; real files have up to 10. */
const MAX_DEPTH = 64;

/** Exports of dicom-parser that its type declarations omit. */
interface DicomParser {
  readonly DataSet: new (
    parser: ByteArrayParser,
    bytes: Uint8Array,
    elements: Record<string, Element>,
  ) => DataSet;
  readonly littleEndianByteArrayParser: ByteArrayParser;
  readonly bigEndianByteArrayParser: ByteArrayParser;
}

/** The requested elements of a DICOM file. */
export interface DicomFile {
  /** The requested elements, with the whole content of sequences among them. */
  readonly dataSet: DataSet;
  /** Whether numbers are stored with the high byte first. */
  readonly isBigEndian: boolean;
  /** Whether the file ends inside an element. */
  readonly isCut: boolean;
}

/** Head of an element: its tag, VR and length. */
interface Head {
  readonly tag: number;
  /** The VR; absent if the element is written without a VR. */
  readonly vr?: string;
  /** Position of the value. */
  readonly start: number;
  readonly length: number;
}

/**
 * Finds the first element of a DICOM file.
 *
 * @param bytes The file, or its first 132 bytes or more.
 * @returns The position after `DICM`, with or without 128 bytes before it; 0 if the file begins
 * with an element of group 2 or 8; `undefined` if the file is not DICOM.
 */
export function firstElement(bytes: Uint8Array): number | undefined {
  for (const at of [128, 0]) if (latin(bytes, at, 4) === "DICM") return at + 4;
  if (bytes.length < 8) return undefined;
  const { tag, vr, length } = new Walk(bytes, 0).head(0, bytes.length);
  const isKnown = vr === undefined ? length <= MAX_FIRST : KNOWN_VRS.has(vr);
  return (tag >>> 16 === 2 || tag >>> 16 === 8) && isKnown ? 0 : undefined;
}

/**
 * Reads the elements of a DICOM file, as pydicom and dcmtk do. The encoding is found from the
 * elements themselves, whatever transfer syntax the file states.
 *
 * @param name Name of the file in errors.
 * @param tags Tags of the elements to keep, such as `x00280010`. All others are dropped, because a
 * hostile file may have millions.
 * @returns `undefined` if the file is not DICOM.
 * @throws {RangeError} If sequences are nested too deeply, or the file inflates to over 128 MiB.
 */
export async function readElements(
  bytes: Uint8Array,
  name: string,
  tags: readonly string[],
): Promise<DicomFile | undefined> {
  const start = firstElement(bytes);
  if (start === undefined) return undefined;
  const library = (await import("dicom-parser")).default as unknown as DicomParser;
  const kept = new Set([TRANSFER_SYNTAX, ...tags]);

  const metaWalk = new Walk(bytes, start, kept, library);
  const meta = metaWalk.elements(start, bytes.length, { belongs: (group) => group === 2 });
  const syntax = metaWalk.dataSet(meta.elements).string(TRANSFER_SYNTAX);
  let whole = bytes;
  if (syntax === DEFLATED) {
    const inflated = inflate(bytes.subarray(meta.end), name);
    // A data set that is not deflated, contrary to its transfer syntax, inflates to nothing.
    if (inflated.length > 0) whole = concat([bytes.subarray(0, meta.end), inflated]);
  }
  // A message stored as it came from a network begins with its command, group 0.
  const command = new Walk(whole, meta.end);
  const { end } = command.elements(meta.end, whole.length, { belongs: (group) => group === 0 });
  const walk = new Walk(whole, end, kept, library);
  const { elements } = walk.elements(end, whole.length);
  if (walk.isTooDeep) {
    throw new InputRangeError(
      `Cannot read ${name}: over ${MAX_DEPTH} sequences lie inside each other`,
    );
  }
  return {
    dataSet: walk.dataSet({ ...meta.elements, ...elements }),
    isBigEndian: walk.isBigEndian,
    isCut: metaWalk.isCut || walk.isCut || end === whole.length,
  };
}

/** Decodes bytes as Latin-1 text, which is shorter if the bytes end early. */
function latin(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** Options for reading a part of a file. */
interface WalkOptions {
  /** Whether a group belongs to the part; by default every group does. */
  readonly belongs?: (group: number) => boolean;
  /** Number of sequences around the part. */
  readonly depth?: number;
  /** Whether the elements of the part have no VR. */
  readonly isImplicit?: boolean;
  /** Whether all elements of the part are kept. */
  readonly keepsAll?: boolean;
}

/** Goes through elements that share one byte order. */
class Walk {
  readonly isBigEndian: boolean;
  /** Whether the bytes ended inside an element. */
  isCut = false;
  /** Whether sequences were nested too deeply to be read. */
  isTooDeep = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: ReadonlySet<string>;
  readonly #library: DicomParser | undefined;
  readonly #isImplicit: boolean;

  /**
   * @param start Position of the first element, which shows how the others are written.
   * @param kept Tags of the elements to keep.
   * @param library Needed only if elements are kept.
   */
  constructor(
    bytes: Uint8Array,
    start: number,
    kept: ReadonlySet<string> = new Set(),
    library?: DicomParser,
  ) {
    [this.#bytes, this.#kept, this.#library] = [bytes, kept, library];
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The number of the first group is below 256, so that its high byte is 0.
    this.isBigEndian = bytes[start] === 0 && bytes[start + 1] !== 0;
    this.#isImplicit = !this.#hasLetters(start);
  }

  /** Makes a data set of elements, with which dicom-parser reads their values. */
  dataSet(elements: Record<string, Element>): DataSet {
    const { DataSet, ...parsers } = this.#library!;
    const parser = this.isBigEndian
      ? parsers.bigEndianByteArrayParser
      : parsers.littleEndianByteArrayParser;
    return new DataSet(parser, this.#bytes, elements);
  }

  /** Reads elements up to the end, the next delimiter, or a group that does not belong. */
  elements(
    at: number,
    end: number,
    { belongs, depth = 0, isImplicit = this.#isImplicit, keepsAll = false }: WalkOptions = {},
  ): { elements: Record<string, Element>; end: number } {
    const elements: Record<string, Element> = {};
    while (at + 8 <= end) {
      const head = this.head(at, end, isImplicit);
      if (belongs?.(head.tag >>> 16) === false) return { elements, end: at };
      if (DELIMITERS.includes(head.tag)) {
        if (depth > 0) return { elements, end: at };
        at = head.start; // a stray delimiter, which ends nothing
        continue;
      }
      const name = `x${head.tag.toString(16).padStart(8, "0")}`;
      const isKept = keepsAll || this.#kept.has(name);
      const element = this.#element(head, end, { depth, isImplicit, keepsAll: isKept });
      at = element.dataOffset + element.length;
      if (isKept && (at <= end || head.tag === PIXEL_DATA)) {
        elements[name] = { tag: name, ...element };
      }
    }
    if (at !== end && depth === 0) this.isCut = true;
    return { elements, end };
  }

  /**
   * Reads tag, VR and length of an element.
   *
   * @param at Position of the element, at least 8 bytes before the end.
   * @param end Position where the elements end.
   * @param isImplicit Whether the element is expected to have no VR.
   */
  head(at: number, end: number, isImplicit = this.#isImplicit): Head {
    const tag = this.#tag(at);
    const implicit = { tag, start: at + 8, length: this.#uint32(at + 4) };
    if (DELIMITERS.includes(tag)) return implicit;
    const vr = latin(this.#bytes, at + 4, 2);
    if (isImplicit) {
      const isOdd = KNOWN_VRS.has(vr) && implicit.length !== UNDEFINED_LENGTH &&
        implicit.start + implicit.length > end;
      if (!isOdd) return implicit;
    }
    const short = { tag, vr, start: at + 8, length: this.#uint16(at + 6) };
    if (SHORT_VRS.includes(vr) || at + 12 > end) return short;
    const long = { tag, vr, start: at + 12, length: this.#uint32(at + 8) };
    const isLong = LONG_VRS.includes(vr);
    if (isLong && short.length === 0) return long;
    // For an unknown VR, pydicom expects a short length and dcmtk a long one. Choose the length
    // that leads to another element.
    const forms = isLong
      ? [long, short]
      : this.#hasLetters(at)
      ? [short, long]
      : [implicit, short, long];
    return forms.find((form) => this.#leadsOn(form, end)) ?? forms[0]!;
  }

  /** Whether another element, or the end, follows an element. */
  #leadsOn({ tag, start, length }: Head, end: number): boolean {
    const next = start + length;
    if (next + 8 > end) return next === end;
    const following = this.#tag(next);
    if (DELIMITERS.includes(following)) return true;
    return following > tag &&
      (this.#hasLetters(next) || next + 8 + this.#uint32(next + 4) <= end);
  }

  /** Reads the extent of an element's value, and any items or fragments in it. */
  #element({ tag, vr, start, length }: Head, end: number, options: WalkOptions) {
    const element: Omit<Element, "tag"> = { ...(vr && { vr }), dataOffset: start, length };
    const hadUndefinedLength = length === UNDEFINED_LENGTH;
    if (hadUndefinedLength && tag === PIXEL_DATA) {
      const { fragments, end: after } = this.#fragments(start, end);
      return { ...element, length: after - start, hadUndefinedLength, fragments };
    }
    const limit = hadUndefinedLength ? end : start + length;
    const isSequence = hadUndefinedLength ||
      options.keepsAll && ["SQ", "UN", undefined].includes(vr) &&
        limit <= end && length >= 8 && this.#tag(start) === ITEM;
    if (!isSequence) return element;
    const { items, end: after } = this.#items(start, limit, options);
    if (!hadUndefinedLength) return { ...element, items };
    return { ...element, length: after - start, hadUndefinedLength, items };
  }

  /** Reads the items of a sequence, up to its delimiter or to an element that is not an item. */
  #items(at: number, end: number, { depth = 0, isImplicit = false, keepsAll }: WalkOptions) {
    const items: Element[] = [];
    if (depth === MAX_DEPTH) {
      this.isTooDeep = true;
      return { items, end };
    }
    while (at + 8 <= end) {
      const tag = this.#tag(at);
      // A delimiter has no value, whatever length it states.
      if (tag === SEQUENCE_END) return { items, end: at + 8 };
      if (tag !== ITEM) return { items, end: at };
      const [dataOffset, length] = [at + 8, this.#uint32(at + 4)];
      const hadUndefinedLength = length === UNDEFINED_LENGTH;
      at = hadUndefinedLength ? end : dataOffset + length;
      if (!hadUndefinedLength && !keepsAll) continue;
      const inside = this.elements(dataOffset, Math.min(at, end), {
        depth: depth + 1,
        // Items of an explicit data set may be implicit, but not the other way round.
        isImplicit: isImplicit || !this.#hasLetters(dataOffset),
        ...(keepsAll && { keepsAll }),
      });
      if (hadUndefinedLength) {
        const hasEnd = inside.end + 8 <= end && this.#tag(inside.end) === ITEM_END;
        at = inside.end + (hasEnd ? 8 : 0);
      }
      if (keepsAll) {
        const dataSet = this.dataSet(inside.elements);
        items.push({ tag: "xfffee000", dataOffset, length: at - dataOffset, dataSet });
      }
    }
    if (at >= this.#bytes.length) this.isCut = true;
    return { items, end: Math.max(at, end) };
  }

  /** Reads the fragments of a frame, without the table of offsets before them. */
  #fragments(at: number, end: number) {
    const fragments: Fragment[] = [];
    let after = end;
    while (at + 8 <= end) {
      // A fragment of odd length is padded, but the stated length may leave out the padding.
      if (!DELIMITERS.includes(this.#tag(at)) && at + 9 <= end && this.#tag(at + 1) === ITEM) at++;
      const tag = this.#tag(at);
      if (tag !== ITEM) {
        after = tag === SEQUENCE_END ? at + 8 : at;
        break;
      }
      const position = at + 8;
      at = Math.min(position + this.#uint32(at + 4), end);
      fragments.push({ offset: position - 8, position, length: at - position });
    }
    return { fragments: fragments.length > 1 ? fragments.slice(1) : fragments, end: after };
  }

  #uint16(at: number): number {
    return this.#view.getUint16(at, !this.isBigEndian);
  }

  #uint32(at: number): number {
    return this.#view.getUint32(at, !this.isBigEndian);
  }

  #tag(at: number): number {
    return this.#uint16(at) * 2 ** 16 + this.#uint16(at + 2);
  }

  /** Whether an element has two capital letters in the place of its VR. */
  #hasLetters(at: number): boolean {
    return /^[A-Z]{2}$/.test(latin(this.#bytes, at + 4, 2));
  }
}
