import { host } from "../../base/host/host.ts";
import { readJson } from "../model_files.ts";
import { isObject, type JsonObject } from "../../base/json.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { quote } from "../../base/text.ts";
import type { TensorEntry } from "./tensor_entry.ts";
import { wholeSet } from "./tensor_set.ts";

/** Most characters of a name in a message. */
const MAX_NAME_LENGTH = 80;

/**
 * Opens a checkpoint in several files by its index, such as `model.safetensors.index.json`.
 *
 * transformers and diffusers write such checkpoints.
 *
 * @param path Path of the index; the files that it names lie in the same folder.
 * @throws {NotFound} If the index, or a file that it names, does not exist.
 * @throws {SyntaxError} If the index or a file is malformed. Also if the index names a file in
 * another folder, or a tensor that its file lacks.
 */
export async function openShards(path: string): Promise<Checkpoint> {
  const fail = (reason: string) => new SyntaxError(`Cannot read "${path}": ${reason}`);
  const index = Object.entries(await readIndex(path, fail));
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const shards = new Map<unknown, Checkpoint>();
  for (const file of new Set(index.map(([, file]) => file))) {
    if (typeof file !== "string" || !/^[^/\\]+$/.test(file) || /^\.+$/.test(file)) {
      throw fail(`it names the file ${quote(String(file))}, expected one beside it`);
    }
    shards.set(
      file,
      await openCheckpoint(folder + file).catch((error) => {
        const { NotFound } = host();
        if (!(error instanceof NotFound)) throw error;
        throw new NotFound(`Cannot read "${path}": it names ${quote(file)}, which is not there`);
      }),
    );
  }
  const tensors = new Map<string, TensorEntry>();
  // Tensors that the index does not list are kept, so that the strict match finds them.
  for (const shard of shards.values()) {
    for (const [name, tensor] of shard.tensors) tensors.set(name, { ...tensor, path: shard.path });
  }
  for (const [name, file] of index) {
    const shard = shards.get(file)!;
    const tensor = shard.tensors.get(name);
    if (!tensor) {
      throw fail(
        `it has ${quote(name, MAX_NAME_LENGTH)} in ${quote(String(file))}, which lacks it`,
      );
    }
    tensors.set(name, { ...tensor, path: shard.path });
  }
  const [first] = shards.values();
  return {
    path,
    files: [...shards.values()].map((shard) => shard.path).sort(),
    format: first!.format,
    tensors,
    sets: [wholeSet(tensors)],
    metadata: first!.metadata,
  };
}

/** Reads the file of each tensor, by the tensor's name, from an index. */
async function readIndex(path: string, fail: (reason: string) => SyntaxError): Promise<JsonObject> {
  const index = await readJson(path);
  const map = isObject(index) ? index.weight_map : undefined;
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw fail('it has no "weight_map" that names the file of each tensor');
  }
  return map;
}
