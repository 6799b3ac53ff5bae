/**
 * A small safetensors reader for tests. The tests do not read references with the code under test.
 *
 * @module
 */

/** One tensor of a reference file. */
export interface ReferenceTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Uint8Array;
}

/** Reads all F32, I64 and U8 tensors of a safetensors file, by name. */
export async function readSafetensors(
  path: string | URL,
): Promise<Map<string, ReferenceTensor>> {
  const bytes = await Deno.readFile(path);
  const headerLength = Number(
    new DataView(bytes.buffer).getBigUint64(0, true),
  );
  const header: Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  > = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)),
  );
  const tensors = new Map<string, ReferenceTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [start, end] = entry.data_offsets;
    // Copy the bytes, because a typed array needs aligned memory.
    const { buffer } = bytes.slice(
      8 + headerLength + start,
      8 + headerLength + end,
    );
    const data = arrayOf(entry.dtype, buffer);
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}

/** Returns the values of one F32 tensor. */
export function floats(
  tensors: ReadonlyMap<string, ReferenceTensor>,
  name: string,
): Float32Array {
  const data = tensors.get(name)?.data;
  if (!(data instanceof Float32Array)) {
    throw new TypeError(`Expected an F32 tensor "${name}"`);
  }
  return data;
}

function arrayOf(dtype: string, buffer: ArrayBuffer) {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "I64":
      return new BigInt64Array(buffer);
    case "U8":
      return new Uint8Array(buffer);
    default:
      throw new TypeError(`Expected F32, I64 or U8, got ${dtype}`);
  }
}
