import { InputRangeError } from "../../base/errors.ts";
import type { Size } from "../../base/geometry.ts";
import { MAX_PIXELS } from "../../images/read_image.ts";

/** A map of numbers in the scale of its file. */
export interface NumericMap extends Size {
  /** Row-major `[height, width]`; may hold NaN and infinities. */
  readonly values: Float64Array;
}

/** Types of numbers in files, by their names in NumPy without the byte order. */
export type NumberType = "b1" | "u1" | "i1" | "u2" | "i2" | "u4" | "i4" | "u8" | "i8" | FloatType;

/** Floating-point types. */
type FloatType = "f2" | "f4" | "f8";

/** Bytes of a number, and its reader. */
interface Reader {
  readonly bytes: number;
  read(view: DataView, at: number, isLittle: boolean): number;
}

const READERS: Readonly<Record<NumberType, Reader>> = {
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, read: (view, at, isLittle) => view.getUint16(at, isLittle) },
  i2: { bytes: 2, read: (view, at, isLittle) => view.getInt16(at, isLittle) },
  u4: { bytes: 4, read: (view, at, isLittle) => view.getUint32(at, isLittle) },
  i4: { bytes: 4, read: (view, at, isLittle) => view.getInt32(at, isLittle) },
  u8: { bytes: 8, read: (view, at, isLittle) => Number(view.getBigUint64(at, isLittle)) },
  i8: { bytes: 8, read: (view, at, isLittle) => Number(view.getBigInt64(at, isLittle)) },
  f2: { bytes: 2, read: (view, at, isLittle) => view.getFloat16(at, isLittle) },
  f4: { bytes: 4, read: (view, at, isLittle) => view.getFloat32(at, isLittle) },
  f8: { bytes: 8, read: (view, at, isLittle) => view.getFloat64(at, isLittle) },
};

/** Returns `true` if a name is that of a {@linkcode NumberType}. */
export function isNumberType(name: string): name is NumberType {
  return Object.hasOwn(READERS, name);
}

/** Place of a map's numbers in a file. */
export interface MapPlace extends Size {
  readonly type: NumberType;
  /** Byte order. */
  readonly isLittle: boolean;
  /** Position of the first number in bytes. */
  readonly at: number;
  /** The numbers run down the columns, as in Fortran. */
  readonly isByColumn?: boolean;
}

/**
 * Reads a map from the bytes of its file.
 *
 * @param place Place of the map.
 * @param name Name of the file in errors.
 * @throws {RangeError} If a side is no whole number from 1, the map has more than
 * {@linkcode MAX_PIXELS} values, or the file ends before them.
 */
export function readNumbers(bytes: Uint8Array, place: MapPlace, name: string): NumericMap {
  const { width, height, type, isLittle, at, isByColumn } = place;
  const count = width * height;
  const areSides = [width, height].every((side) => Number.isSafeInteger(side) && side >= 1);
  if (!areSides || count > MAX_PIXELS) {
    throw new InputRangeError(
      `Cannot read ${name}: expected a map of 1 to ${MAX_PIXELS} values, found ${width} x ${height}`,
    );
  }
  const { bytes: each, read } = READERS[type];
  if (at + each * count > bytes.length) {
    throw new InputRangeError(
      `Cannot read ${name}: expected ${each * count} bytes of ${width} x ${height} values, found ` +
        `${Math.max(bytes.length - at, 0)}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, each * count);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const from = isByColumn ? i % width * height + Math.floor(i / width) : i;
    values[i] = read(view, each * from, isLittle);
  }
  return { width, height, values };
}
