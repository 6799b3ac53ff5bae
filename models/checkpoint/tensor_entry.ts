/** Element types that a checkpoint may hold. */
export type DType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool";

/** Bytes of one element of each type. */
export const ITEM_BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Place and type of one tensor in a checkpoint file. All files are little-endian. */
export interface TensorEntry {
  /** Name in the state dict, such as `conv_in.conv.weight`. */
  readonly name: string;
  /** Type of the stored elements. */
  readonly dtype: DType;
  /** Size of each dimension, empty for a scalar. */
  readonly shape: readonly number[];
  /** Byte offset in the file of the first element. */
  readonly offset: number;
  /**
   * Bytes from the start of the first element to the end of the last element. This is the size
   * of the tensor if it is contiguous.
   */
  readonly byteLength: number;
  /** Stride of each dimension in elements; undefined if the tensor is row-major contiguous. */
  readonly strides?: readonly number[];
  /** File of the tensor, if the checkpoint is an index of several files. */
  readonly path?: string;
}

/**
 * Describes some rows of a tensor: its elements at consecutive indices of the first axis.
 *
 * @param entry The tensor, with at least one axis.
 * @param first Index of the first row, from 0.
 * @param count Number of rows; the tensor has them all.
 */
export function rowsOf(entry: TensorEntry, first: number, count: number): TensorEntry {
  const { strides: all, ...whole } = entry;
  const others = entry.shape.slice(1);
  const { shape, strides, span } = measure([count, ...others], all);
  const itemBytes = ITEM_BYTES[entry.dtype];
  return {
    ...whole,
    shape,
    offset: entry.offset + first * (all?.[0] ?? elementCount(others)) * itemBytes,
    byteLength: span * itemBytes,
    ...(strides && { strides }),
  };
}

// Weights of convolutions over volumes have five dimensions; no network's weight has over eight.
const MAX_DIMENSIONS = 8;
// Most elements of an expanded tensor (stride 0), 16 MiB as float32. Otherwise a few bytes of a
// hostile file could demand all memory.
const MAX_REPEATED_ELEMENTS = 2 ** 22;

/**
 * Number of elements of a shape, 1 for a scalar.
 *
 * @param shape Size of each dimension.
 */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether a value from a file is a nonnegative integer, which can be a count or an index. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * Checks the shape and strides of a tensor, and counts the elements that it spans.
 *
 * @param shape Size of each dimension, at most eight.
 * @param strides Elements to step for each dimension. @default row-major contiguous
 * @returns The shape; the strides, unless the tensor is contiguous; and the span, the number of
 * elements from first to last inclusive.
 * @throws {SyntaxError} If no weight can have this shape or these strides. The message is a reason
 * without the name of the file or tensor.
 */
export function measure(
  shape: readonly unknown[],
  strides?: readonly unknown[],
): { shape: readonly number[]; strides?: readonly number[]; span: number } {
  if (shape.length > MAX_DIMENSIONS) {
    throw new SyntaxError(`has ${shape.length} dimensions, at most ${MAX_DIMENSIONS} are read`);
  }
  if (!shape.every(isCount)) {
    throw new SyntaxError("has a shape that is not of nonnegative integers");
  }
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count)) {
    throw new SyntaxError(`has the impossible shape [${shape}]`);
  }
  if (strides === undefined) return { shape, span: count };
  if (strides.length !== shape.length || !strides.every(isCount)) {
    throw new SyntaxError("has strides that do not fit its shape");
  }
  if (isRowMajor(shape, strides)) return { shape, span: count };
  const span = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 1);
  if (!Number.isSafeInteger(span)) {
    throw new SyntaxError(`has the impossible strides [${strides}]`);
  }
  if (count > span && count > MAX_REPEATED_ELEMENTS) {
    throw new SyntaxError(
      `repeats ${span} elements to ${count}, at most ${MAX_REPEATED_ELEMENTS} are read`,
    );
  }
  return { shape, strides, span };
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    // No step uses the stride of a dimension of size 1.
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
