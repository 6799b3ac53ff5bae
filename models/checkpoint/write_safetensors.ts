import { host } from "../../base/host/host.ts";
import { SAFETENSORS_TYPES } from "./safetensors.ts";
import { elementCount, ITEM_BYTES, type TensorEntry } from "./tensor_entry.ts";

export interface TensorToWrite {
  /** Name in the file. */
  readonly name: string;
  /** Size of each axis. */
  readonly shape: readonly number[];
  /** Makes the row-major elements; called late, so that memory holds only one tensor. */
  readonly data: () => Float32Array;
}

/**
 * Writes tensors to a file as float32, one after the other.
 *
 * @param path Path of the file; an existing file is replaced.
 * @param tensors Tensors to write, in this order.
 * @throws {RangeError} If the number of a tensor's elements does not fit its shape.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
): Promise<void> {
  const head = safetensorsHead(tensors.map(({ name, shape }) => {
    return { name, dtype: "float32", shape, byteLength: elementCount(shape) * ITEM_BYTES.float32 };
  }));

  using file = await host().files.create(path);
  await file.write(head);
  for (const { name, shape, data } of tensors) {
    const values = data();
    if (values.length !== elementCount(shape)) {
      throw new RangeError(
        `Cannot write tensor "${name}": shape [${shape}] needs ${elementCount(shape)} values, ` +
          `got ${values.length}`,
      );
    }
    await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
}

/**
 * Makes the first bytes of a safetensors file: the length of its header, and the header.
 *
 * @param tensors The tensors in the order of their data, which follows without gaps.
 */
export function safetensorsHead(
  tensors: readonly Pick<TensorEntry, "name" | "dtype" | "shape" | "byteLength">[],
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const header = Object.fromEntries(tensors.map(({ name, dtype, shape, byteLength }) => {
    const begin = end;
    end += byteLength;
    return [name, { dtype: SAFETENSORS_TYPES[dtype], shape, data_offsets: [begin, end] }];
  }));
  const json = new TextEncoder().encode(
    JSON.stringify({ __metadata__: { format: "pt" }, ...header }),
  );
  // Blanks pad the header, so that the tensors begin at a multiple of 8 bytes.
  const length = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return head;
}
