/**
 * Plans the download of some tensors of a safetensors file, as a safetensors file of their own.
 *
 * @module
 */

import type { ByteFile } from "../models/checkpoint/byte_file.ts";
import { readSafetensorsHeader } from "../models/checkpoint/safetensors.ts";
import { safetensorsHead } from "../models/checkpoint/write_safetensors.ts";

/** Bytes of a file to fetch, and the bytes to write before them. */
export interface Plan {
  /** First bytes of the new file; they are not fetched. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** Ranges of the source to write after the head, in this order. */
  readonly ranges: readonly (readonly [begin: number, end: number])[];
}

/**
 * Plans the tensors whose names begin with a prefix. Tensors keep their order in the file, so that
 * neighbours are one range.
 *
 * @param file The whole file; only its header is read.
 * @param prefix Beginning of the names, such as `text_model.`.
 * @throws {SyntaxError} If the header is malformed, or no name has the prefix. The message is a
 * reason without the name of the file.
 */
export async function planTensors(
  file: Pick<ByteFile, "size" | "read">,
  prefix: string,
): Promise<Plan> {
  const { tensors } = await readSafetensorsHeader(file);
  const wanted = [...tensors.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .sort((a, b) => a.offset - b.offset);
  if (wanted.length === 0) throw new SyntaxError(`it has no tensor "${prefix}…"`);
  const ranges: [number, number][] = [];
  for (const { offset, byteLength } of wanted) {
    const last = ranges.at(-1);
    if (last && last[1] === offset) last[1] += byteLength;
    else ranges.push([offset, offset + byteLength]);
  }
  return { head: safetensorsHead(wanted), ranges };
}
