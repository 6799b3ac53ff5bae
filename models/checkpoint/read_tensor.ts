import { InputTypeError } from "../../base/errors.ts";
import { ByteFile } from "./byte_file.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { quote } from "../../base/text.ts";
import { type DType, elementCount, ITEM_BYTES, rowsOf, type TensorEntry } from "./tensor_entry.ts";

// Elements per conversion, so that memory never holds a large tensor in both types.
const CHUNK_ELEMENTS = 2 ** 20;

type Numbers = Float32Array<ArrayBuffer>;

/** Converts the elements in `bytes` and writes them to `target` from `start` on. */
type Convert = (bytes: ArrayBuffer, target: Numbers, start: number) => void;

// Files are little-endian. Typed arrays use the machine's byte order; every machine that Deno runs
// on is little-endian, too.
const TO_FLOAT32: { readonly [Type in DType]?: Convert } = {
  float32: (bytes, target, start) => target.set(new Float32Array(bytes), start),
  float16: (bytes, target, start) => target.set(new Float16Array(bytes), start),
  float64: (bytes, target, start) => target.set(new Float64Array(bytes), start),
  // bfloat16 is the upper half of a float32.
  bfloat16: (bytes, target, start) => {
    const halves = new Uint16Array(bytes);
    const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
    for (let index = 0; index < halves.length; index++) {
      bits[start + index] = halves[index]! << 16;
    }
  },
};

/**
 * Reads one floating-point tensor as float32, in row-major order.
 *
 * float16 and bfloat16 are exact in float32; float64 is rounded to the nearest.
 *
 * @param name Name of the tensor.
 * @returns The elements, as many as the product of the shape.
 * @throws {RangeError} If the checkpoint lacks the tensor.
 * @throws {TypeError} If the tensor holds integers or booleans.
 * @throws {SyntaxError} If the file has become shorter since it was opened.
 *
 * @example
 * ```ts ignore
 * import { openCheckpoint, readTensor } from "./mod.ts";
 *
 * const checkpoint = await openCheckpoint("autoencoder.pth");
 * const weight = await readTensor(checkpoint, "quant_conv_mu.conv.weight");
 * ```
 */
export async function readTensor(checkpoint: Checkpoint, name: string): Promise<Numbers> {
  return await read(checkpoint, find(checkpoint, name));
}

/**
 * Reads one row of a floating-point tensor as float32: the elements at one index of the first
 * axis, in row-major order.
 *
 * @param name Name of the tensor.
 * @param row The index, from 0.
 * @returns As many elements as the product of the other axes.
 * @throws {RangeError} If the checkpoint lacks the tensor, or the tensor lacks the row.
 * @throws {TypeError} If the tensor holds integers or booleans.
 * @throws {SyntaxError} If the file has become shorter since it was opened.
 */
export async function readRow(checkpoint: Checkpoint, name: string, row: number): Promise<Numbers> {
  const entry = find(checkpoint, name);
  const [rows = 0] = entry.shape;
  if (!(Number.isInteger(row) && row >= 0 && row < rows)) {
    throw new RangeError(`${failure(checkpoint, name)}: it has ${rows} rows, and no row ${row}`);
  }
  return await read(checkpoint, rowsOf(entry, row, 1));
}

/**
 * Reads rows of a floating-point tensor as float32, one after the other. A row that occurs again is
 * read once.
 *
 * @param name Name of the tensor.
 * @param rows The indices, from 0.
 * @throws {Error} If a row cannot be read, as in {@linkcode readRow}.
 */
export async function readRows(
  checkpoint: Checkpoint,
  name: string,
  rows: readonly number[],
): Promise<Numbers> {
  const known = new Map<number, Numbers>();
  for (const row of new Set(rows)) known.set(row, await readRow(checkpoint, name, row));
  const width = elementCount(find(checkpoint, name).shape.slice(1));
  const result = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) result.set(known.get(row)!, i * width);
  return result;
}

function failure({ path }: Checkpoint, name: string): string {
  return `Cannot read tensor ${quote(name)} of "${path}"`;
}

function find(checkpoint: Checkpoint, name: string): TensorEntry {
  const entry = checkpoint.tensors.get(name);
  if (entry) return entry;
  throw new RangeError(`${failure(checkpoint, name)}: there is no such tensor`);
}

async function read(checkpoint: Checkpoint, entry: TensorEntry): Promise<Numbers> {
  const fail = failure(checkpoint, entry.name);
  const convert = TO_FLOAT32[entry.dtype];
  if (convert === undefined) {
    throw new InputTypeError(`${fail}: expected a floating-point type, got ${entry.dtype}`);
  }
  using file = await ByteFile.open(entry.path ?? checkpoint.path);
  try {
    const span = new Float32Array(entry.byteLength / ITEM_BYTES[entry.dtype]);
    await readSpan(file, entry, convert, span);
    if (entry.strides === undefined) return span;
    const tensor = new Float32Array(elementCount(entry.shape));
    gather(span, tensor, entry.shape, entry.strides);
    return tensor;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new SyntaxError(`${fail}: ${cause.message}`, { cause });
  }
}

async function readSpan(
  file: ByteFile,
  { offset, dtype }: TensorEntry,
  convert: Convert,
  target: Numbers,
): Promise<void> {
  const itemBytes = ITEM_BYTES[dtype];
  for (let start = 0; start < target.length; start += CHUNK_ELEMENTS) {
    const count = Math.min(CHUNK_ELEMENTS, target.length - start);
    const bytes = new Uint8Array(count * itemBytes);
    await file.readInto(offset + start * itemBytes, bytes);
    convert(bytes.buffer, target, start);
  }
}

/** Copies a strided view to row-major order. */
function gather(
  source: Numbers,
  target: Numbers,
  shape: readonly number[],
  strides: readonly number[],
): void {
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < target.length; to++) {
    target[to] = source[from]!;
    // Step like an odometer, last dimension first.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
