import { gunzipSync } from "node:zlib";
import { InputRangeError, InputSyntaxError, InputTypeError } from "../../base/errors.ts";
import { type NumberType, type NumericMap, readNumbers } from "./numeric_map.ts";

/** Length of the header of NIfTI-1, which is its first number too. */
const HEADER_BYTES = 348;

/** Largest unpacked file in bytes: that of the largest file of an image. */
const MAX_BYTES = 2 ** 28;

/** Types of numbers by the codes of nifti1.h. */
const TYPES: Readonly<Record<number, NumberType>> = {
  2: "u1",
  4: "i2",
  8: "i4",
  16: "f4",
  64: "f8",
  256: "i1",
  512: "u2",
  768: "u4",
  1024: "i8",
  1280: "u8",
};

/** Returns `true` if a file begins as a NIfTI-1, or as gzip. */
export function isNifti(bytes: Uint8Array): boolean {
  return isGzip(bytes) || littleOf(bytes) !== undefined;
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Byte order of a NIfTI-1; `undefined` if the file is none. */
function littleOf(bytes: Uint8Array): boolean | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return [true, false].find((isLittle) => view.getInt32(0, isLittle) === HEADER_BYTES);
}

/**
 * Reads a NIfTI-1 of one file (`.nii`, `.nii.gz`) with one slice. The first axis counts columns from
 * the left, the second rows from the top, as `convert --to nifti` writes. The position in the
 * patient is not read. `scl_slope` and `scl_inter` scale the values.
 *
 * @param name Name of the file in errors.
 * @throws {SyntaxError} If the file is damaged, or its values lie in another file.
 * @throws {TypeError} If the values are no integers or floats.
 * @throws {RangeError} If the file has more than one slice, is too large, or ends before its values.
 */
export function readNifti(file: Uint8Array, name: string): NumericMap {
  const bytes = isGzip(file) ? gunzip(file, name) : file;
  const isLittle = littleOf(bytes);
  const magic = new TextDecoder().decode(bytes.subarray(344, 347));
  if (isLittle === undefined || magic !== "n+1") {
    throw new InputSyntaxError(`Cannot read ${name}: expected a NIfTI-1 of one file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // Offsets are from nifti1.h: dim, datatype, vox_offset, scl_slope, scl_inter.
  const [axes, width, height, ...others] = Array.from(
    { length: 8 },
    (_, i) => view.getInt16(40 + 2 * i, isLittle),
  ) as [number, number, number, ...number[]];
  if (axes < 2 || axes > 7 || others.slice(0, axes - 2).some((length) => length !== 1)) {
    throw new InputRangeError(
      `Cannot read ${name}: expected a map of one slice, found axes ${
        [width, height, ...others].slice(0, Math.max(1, Math.min(axes, 7))).join(" x ")
      }`,
    );
  }
  const code = view.getInt16(70, isLittle);
  const type = TYPES[code];
  if (!type) {
    throw new InputTypeError(
      `Cannot read ${name}: expected integers or floats, found NIfTI's type ${code}`,
    );
  }
  const at = view.getFloat32(108, isLittle);
  if (!(Number.isInteger(at) && at >= HEADER_BYTES)) {
    throw new InputSyntaxError(`Cannot read ${name}: its values begin at byte ${at}`);
  }
  const [slope, shift] = [view.getFloat32(112, isLittle), view.getFloat32(116, isLittle)];
  const map = readNumbers(bytes, { width, height, type, isLittle, at }, name);
  // A slope of 0 means no scaling.
  if (slope === 0) return map;
  return { ...map, values: map.values.map((value) => value * slope + shift) };
}

function gunzip(file: Uint8Array, name: string): Uint8Array {
  try {
    return gunzipSync(file, { maxOutputLength: MAX_BYTES });
  } catch (error) {
    const isLarge = (error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    if (isLarge) {
      throw new InputRangeError(`Cannot read ${name}: it unpacks to more than ${MAX_BYTES} bytes`);
    }
    throw new InputSyntaxError(`Cannot read ${name}: its gzip is truncated or damaged`);
  }
}
