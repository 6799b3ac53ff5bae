import { type Entry, Uint8ArrayReader, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { crc32, inflateRawSync } from "node:zlib";
import { InputSyntaxError, InputTypeError } from "../../base/errors.ts";
import { printable, quote } from "../../base/text.ts";
import { isNumberType, type NumericMap, readNumbers } from "./numeric_map.ts";

/** The first bytes of a `.npy`: 0x93 and `NUMPY`. */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Position of the header's length, after the magic and two bytes of the version. */
const LENGTH_AT = 8;

/** Largest array in bytes, with its header: that of the largest file of an image. */
const MAX_ARRAY_BYTES = 2 ** 28;

/** Bytes of a zip's local header before name and extra field (PKWARE's APPNOTE, 4.3.7). */
const LOCAL_HEADER_BYTES = 30;

/** Returns `true` if a file begins as a `.npy`. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Returns `true` if a file begins as a zip, which a `.npz` is. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

/**
 * Reads a `.npy` of version 1 to 3 (NEP 1): bool, integers and floats of 16 to 64 bits, of either
 * byte order, by rows or by columns. Axes of length 1 before or after both axes of the map are left
 * out.
 *
 * @param name Name of the file in errors.
 * @throws {SyntaxError} If the header is malformed.
 * @throws {TypeError} If the array holds anything but numbers, or has no two axes.
 * @throws {RangeError} If the map is too large, or the file ends before its values.
 */
export function readNpy(bytes: Uint8Array, name: string): NumericMap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isShort = bytes[6] === 1;
  const start = LENGTH_AT + (isShort ? 2 : 4);
  if (bytes.length < start || !(bytes[6]! >= 1 && bytes[6]! <= 3)) {
    throw new InputSyntaxError(`Cannot read ${name}: its header is not that of a .npy file`);
  }
  const at = start + (isShort ? view.getUint16(LENGTH_AT, true) : view.getUint32(LENGTH_AT, true));
  const header = new TextDecoder().decode(bytes.subarray(start, Math.min(at, start + 2 ** 16)));
  const descr = /'descr'\s*:\s*('[^']*'|\[)/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (at > bytes.length || !descr || !order || shape === undefined) {
    throw new InputSyntaxError(`Cannot read ${name}: its header is not that of a .npy file`);
  }
  const [, byteOrder = "", type = ""] = /^'([<>|=]?)(\w+)'$/.exec(descr) ?? [];
  if (!isNumberType(type)) {
    throw new InputTypeError(
      `Cannot read ${name}: expected an array of bool, integers or floats, found ` +
        (type === "O"
          ? "Python objects"
          : descr === "["
          ? "records"
          : `type ${printable(descr, 40)}`),
    );
  }
  const sizes = shape.split(",").map((part) => part.trim()).filter((part) => part !== "")
    .map((part) => Number.parseInt(part));
  const axes = [...sizes];
  while (axes.length > 2 && axes[0] === 1) axes.shift();
  while (axes.length > 2 && axes.at(-1) === 1) axes.pop();
  const [height, width] = axes;
  if (axes.length !== 2 || height === undefined || width === undefined) {
    throw new InputTypeError(
      `Cannot read ${name}: expected an array of two axes, found shape (${sizes.join(", ")})`,
    );
  }
  const place = { width, height, at, type, isLittle: byteOrder !== ">" };
  return readNumbers(bytes, { ...place, isByColumn: order === "True" }, name);
}

/**
 * Reads an array of a `.npz`.
 *
 * @param name Name of the file in errors.
 * @param array Name of the array; it may be left out if the file has only one.
 * @throws {SyntaxError} If the file is damaged.
 * @throws {TypeError} If the file has no such array, or several and no name chooses. Also as
 * {@linkcode readNpy}.
 * @throws {RangeError} As {@linkcode readNpy}.
 */
export async function readNpz(
  bytes: Uint8Array,
  name: string,
  array?: string,
): Promise<NumericMap> {
  const entries = new Map<string, Entry>();
  try {
    for (const entry of await new ZipReader(new Uint8ArrayReader(bytes)).getEntries()) {
      entries.set(entry.filename.replace(/\.npy$/, ""), entry);
    }
  } catch (error) {
    throw new InputSyntaxError(
      `Cannot read ${name}: it is truncated or no .npz file (${(error as Error).message})`,
    );
  }
  const known = [...entries.keys()].slice(0, 8).map((key) => quote(key, 40)).join(", ");
  const chosen = array ?? (entries.size === 1 ? [...entries.keys()][0]! : undefined);
  const entry = chosen === undefined ? undefined : entries.get(chosen);
  if (!entry) {
    throw new InputTypeError(
      chosen === undefined
        ? `Cannot read ${name}: it has ${entries.size} arrays (${known}), expected one, or a ` +
          'column "array" that names one'
        : `Cannot read ${name}: it has no array ${quote(chosen, 40)} (it has ${known})`,
    );
  }
  const inner = `array ${quote(chosen!, 40)} of ${name}`;
  const data = unpack(bytes, entry, inner);
  if (isNpy(data)) return readNpy(data, inner);
  throw new InputSyntaxError(`Cannot read ${inner}: it is not a .npy file`);
}

/** Bytes of a zip's entry, checked by its sum. */
function unpack(bytes: Uint8Array, entry: Entry, name: string): Uint8Array {
  const { offset, compressedSize, uncompressedSize, compressionMethod, signature } = entry;
  const damaged = () =>
    new InputSyntaxError(`Cannot read ${name}: it is encrypted, truncated or damaged`);
  if (uncompressedSize > MAX_ARRAY_BYTES) {
    throw new InputTypeError(
      `Cannot read ${name}: its ${uncompressedSize} bytes are more than ${MAX_ARRAY_BYTES}`,
    );
  }
  if (entry.encrypted || offset + LOCAL_HEADER_BYTES > bytes.length) throw damaged();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = offset + LOCAL_HEADER_BYTES + view.getUint16(offset + 26, true) +
    view.getUint16(offset + 28, true);
  const packed = bytes.subarray(start, start + compressedSize);
  let data = packed;
  try {
    // The inflater may give one byte more than stated, since that byte shows a wrong size.
    if (compressionMethod === 8) {
      data = inflateRawSync(packed, { maxOutputLength: uncompressedSize + 1 });
    }
  } catch {
    throw damaged();
  }
  const isRight = (compressionMethod === 0 || compressionMethod === 8) &&
    data.length === uncompressedSize && crc32(data) === signature;
  if (isRight) return data;
  throw damaged();
}
