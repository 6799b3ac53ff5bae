/**
 * From the bytes of a DICOM file to its elements.
 *
 * dicom-parser knows no VR of 64 bits, believes the stated transfer syntax and wants a preamble.
 * The walk over the elements is therefore here; dicom-parser still reads their values.
 *
 * @module
 */

import { concat } from "@std/bytes/concat";
import type { ByteArrayParser, DataSet, Element, Fragment } from "dicom-parser";
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

/** The length of an element that a delimiter ends. */
const UNDEFINED_LENGTH = 0xffffffff;

/** Most bytes of a first element that is found without a preamble; a UID has 64. */
const MAX_FIRST = 256;

/** Most sequences inside each other; real files have up to 10. */
const MAX_DEPTH = 64;

/** The parts of dicom-parser that its types leave out. */
interface DicomParser {
  readonly DataSet: new (
    parser: ByteArrayParser,
    bytes: Uint8Array,
    elements: Record<string, Element>,
  ) => DataSet;
  readonly littleEndianByteArrayParser: ByteArrayParser;
  readonly bigEndianByteArrayParser: ByteArrayParser;
}

/** A DICOM file without most of its elements. */
export interface DicomFile {
  /** The elements that were asked for, and all that a sequence among them holds. */
  readonly dataSet: DataSet;
  /** Whether numbers have their high byte first. */
  readonly isBigEndian: boolean;
  /** Whether the file ends inside an element. */
  readonly isCut: boolean;
}

/** An element without its value. */
interface Head {
  readonly tag: number;
  /** Absent where the element is written without one. */
  readonly vr?: string;
  /** Where the value starts. */
  readonly start: number;
  readonly length: number;
}

/**
 * Finds the first element of a DICOM file.
 *
 * @param bytes The file, or its first 132 bytes or more.
 * @returns Its position, after `DICM` with or without 128 bytes before it, or 0 where the file
 * begins with an element of group 2 or 8; `undefined` if the file is no DICOM file.
 */
export function firstElement(bytes: Uint8Array): number | undefined {
  for (const at of [128, 0]) if (latin(bytes, at, 4) === "DICM") return at + 4;
  if (bytes.length < 8) return undefined;
  const { tag, vr, length } = new Walk(bytes, 0).head(0, bytes.length);
  const isKnown = vr === undefined ? length <= MAX_FIRST : KNOWN_VRS.has(vr);
  return (tag >>> 16 === 2 || tag >>> 16 === 8) && isKnown ? 0 : undefined;
}

/**
 * Reads the elements of a DICOM file, as pydicom and dcmtk do: the elements decide how they are
 * written, whatever transfer syntax the file states.
 *
 * @param bytes The file.
 * @param name What it is called in errors.
 * @param tags The elements to keep, such as `x00280010`. A hostile file has millions of others.
 * @returns `undefined` if it is no DICOM file.
 * @throws {RangeError} If its sequences are nested too deeply, or it inflates to too many bytes.
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
    // Nothing comes out of a data set that is not deflated after all.
    if (inflated.length > 0) whole = concat([bytes.subarray(0, meta.end), inflated]);
  }
  // A message that was stored as a network carried it begins with its command, group 0.
  const command = new Walk(whole, meta.end);
  const { end } = command.elements(meta.end, whole.length, { belongs: (group) => group === 0 });
  const walk = new Walk(whole, end, kept, library);
  const { elements } = walk.elements(end, whole.length);
  if (walk.isTooDeep) {
    throw new RangeError(`Cannot read ${name}: over ${MAX_DEPTH} sequences lie inside each other`);
  }
  return {
    dataSet: walk.dataSet({ ...meta.elements, ...elements }),
    isBigEndian: walk.isBigEndian,
    isCut: metaWalk.isCut || walk.isCut || end === whole.length,
  };
}

/** Bytes as text; shorter where they end. */
function latin(bytes: Uint8Array, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

/** How a part of a file is walked through. */
interface WalkOptions {
  /** Whether a group is part of it; without this every group is. */
  readonly belongs?: (group: number) => boolean;
  /** Sequences around it. */
  readonly depth?: number;
  /** Whether its elements have no VR. */
  readonly isImplicit?: boolean;
  /** Whether all its elements are kept. */
  readonly keepsAll?: boolean;
}

/** A way through elements that are all written in one byte order. */
class Walk {
  readonly isBigEndian: boolean;
  /** Whether the bytes ended before an element did. */
  isCut = false;
  /** Whether sequences were too deep to be read. */
  isTooDeep = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #kept: ReadonlySet<string>;
  readonly #library: DicomParser | undefined;
  readonly #isImplicit: boolean;

  /**
   * @param bytes The file.
   * @param start Its first element, which tells how the others are written.
   * @param kept Elements to keep.
   * @param library Needed where any are kept.
   */
  constructor(
    bytes: Uint8Array,
    start: number,
    kept: ReadonlySet<string> = new Set(),
    library?: DicomParser,
  ) {
    [this.#bytes, this.#kept, this.#library] = [bytes, kept, library];
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    // The first group is below 256: its high byte is 0 and its low byte is not.
    this.isBigEndian = bytes[start] === 0 && bytes[start + 1] !== 0;
    this.#isImplicit = !this.#hasLetters(start);
  }

  /** Some elements as dicom-parser reads them. */
  dataSet(elements: Record<string, Element>): DataSet {
    const { DataSet, ...parsers } = this.#library!;
    const parser = this.isBigEndian
      ? parsers.bigEndianByteArrayParser
      : parsers.littleEndianByteArrayParser;
    return new DataSet(parser, this.#bytes, elements);
  }

  /** The elements from a position on, to the end or the next delimiter. */
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
        at = head.start; // a stray one, which ends nothing
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
   * @param at Its position, 8 bytes before the end or more.
   * @param end Where the elements end.
   * @param isImplicit Whether it should have no VR.
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
    // pydicom takes an unknown VR to have a short length and dcmtk a long one: what follows tells.
    const forms = isLong
      ? [long, short]
      : this.#hasLetters(at)
      ? [short, long]
      : [implicit, short, long];
    return forms.find((form) => this.#leadsOn(form, end)) ?? forms[0]!;
  }

  /** Whether an element is followed by another one or by the end. */
  #leadsOn({ tag, start, length }: Head, end: number): boolean {
    const next = start + length;
    if (next + 8 > end) return next === end;
    const following = this.#tag(next);
    if (DELIMITERS.includes(following)) return true;
    return following > tag &&
      (this.#hasLetters(next) || next + 8 + this.#uint32(next + 4) <= end);
  }

  /** Where an element ends, and the items or fragments of one that has any. */
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

  /** The items of a sequence, to its delimiter or to an element that is no item. */
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
        // Items of an explicit data set may be implicit, and never the other way round.
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

  /** The fragments of a frame; a table of offsets, which may be empty, comes before them. */
  #fragments(at: number, end: number) {
    const fragments: Fragment[] = [];
    let after = end;
    while (at + 8 <= end) {
      // An odd fragment is padded, and its length may not say so.
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

  /** Whether two capital letters stand in the place of an element's VR. */
  #hasLetters(at: number): boolean {
    return /^[A-Z]{2}$/.test(latin(this.#bytes, at + 4, 2));
  }
}
