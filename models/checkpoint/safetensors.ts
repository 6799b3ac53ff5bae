import type { ByteFile } from "./byte_file.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import { quote } from "../../base/text.ts";
import { type DType, isCount, ITEM_BYTES, measure, type TensorEntry } from "./tensor_entry.ts";

const LENGTH_BYTES = 8;
// The format's own limit, see https://github.com/huggingface/safetensors#format.
const MAX_HEADER_BYTES = 100_000_000;
const OPENING_BRACE = 0x7b;

/** The format's name of each element type. */
export const SAFETENSORS_TYPES: Readonly<Record<DType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float64: "F64",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

const DTYPES: ReadonlyMap<unknown, DType> = new Map(
  Object.entries(SAFETENSORS_TYPES).map(([dtype, name]) => [name, dtype as DType]),
);

/** Content of the header of a safetensors file. */
export interface SafetensorsHeader {
  /** The tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The free-form `__metadata__`; empty if the header has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads the header of a safetensors file, never its data.
 *
 * The tensors must cover the data without gap or overlap, as the format demands. This check also
 * finds a repeated name in the header, because the lost first entry leaves a gap.
 *
 * @param file The file, open on this machine or read by range elsewhere.
 * @throws {SyntaxError} If the header is malformed. The message is a reason without the name of
 * the file.
 */
export async function readSafetensorsHeader(
  file: Pick<ByteFile, "size" | "read">,
): Promise<SafetensorsHeader> {
  const lengthBytes = await file.read(0, LENGTH_BYTES);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER_BYTES, file.size - LENGTH_BYTES))) {
    throw new SyntaxError(
      `its safetensors header claims ${length} bytes, the file has ${file.size}` +
        ` and the format allows ${MAX_HEADER_BYTES}`,
    );
  }
  const header = parseHeader(await file.read(LENGTH_BYTES, Number(length)));
  const dataStart = LENGTH_BYTES + Number(length);
  const tensors = new Map<string, TensorEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = parseMetadata(value);
    else tensors.set(name, parseTensor(name, value, dataStart));
  }
  requireCoverage([...tensors.values()], dataStart, file.size);
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array): JsonObject {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new SyntaxError("its safetensors header is not valid JSON", {
      cause,
    });
  }
  if (bytes[0] !== OPENING_BRACE || !isObject(header)) {
    throw new SyntaxError("its safetensors header is not a JSON object");
  }
  return header;
}

function parseMetadata(value: unknown): ReadonlyMap<string, string> {
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (
    !entries?.every((entry): entry is [string, string] => typeof entry[1] === "string")
  ) {
    throw new SyntaxError(
      "its safetensors __metadata__ is not an object of strings",
    );
  }
  return new Map(entries);
}

function parseTensor(name: string, value: unknown, dataStart: number): TensorEntry {
  const fail = (reason: string) => new SyntaxError(`its tensor ${quote(name)} ${reason}`);
  if (!isObject(value)) throw fail("is not described by a JSON object");
  const { dtype: code, shape, data_offsets: range } = value;
  const dtype = DTYPES.get(code);
  if (dtype === undefined) {
    const found = typeof code === "string" ? quote(code) : "none";
    throw fail(`has the data type ${found}, expected one of ${[...DTYPES.keys()].join(", ")}`);
  }
  if (!Array.isArray(shape)) throw fail("has no shape");
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount)) {
    throw fail("has no data_offsets of two nonnegative integers");
  }
  const [begin, end] = range as [number, number];
  let measured;
  try {
    measured = measure(shape);
  } catch (cause) {
    throw cause instanceof SyntaxError ? fail(cause.message) : cause;
  }
  const byteLength = measured.span * ITEM_BYTES[dtype];
  if (end - begin !== byteLength) {
    throw fail(
      `spans bytes ${begin} to ${end}, expected ${byteLength} bytes` +
        ` for the shape [${measured.shape}] in ${dtype}`,
    );
  }
  return {
    name,
    dtype,
    shape: measured.shape,
    offset: dataStart + begin,
    byteLength,
  };
}

function requireCoverage(tensors: TensorEntry[], dataStart: number, fileSize: number): void {
  tensors.sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let position = dataStart;
  for (const { name, offset, byteLength } of tensors) {
    if (offset + byteLength > fileSize) {
      throw new SyntaxError(
        `it is truncated, its tensor ${quote(name)} ends at byte ${offset + byteLength}` +
          ` and the file has ${fileSize}`,
      );
    }
    if (offset !== position) {
      throw new SyntaxError(
        `its tensor ${quote(name)} starts at byte ${offset}, expected ${position}:` +
          ` ${offset < position ? "tensors overlap" : "there is a gap"}`,
      );
    }
    position += byteLength;
  }
  if (position !== fileSize) {
    throw new SyntaxError(
      `its tensors end at byte ${position}, expected the end of the file at ${fileSize}`,
    );
  }
}
