import { host } from "../../base/host/host.ts";
import { readJson } from "../model_files.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { quote } from "../../base/text.ts";
import type { TensorEntry } from "./tensor_entry.ts";

/** Most characters of a name in a message. */
const MAX_NAME_LENGTH = 80;

/**
 * Opens a checkpoint that transformers or diffusers wrote in several files, by its index, such as
 * `model.safetensors.index.json`.
 *
 * @param path Path of the index, in the folder of the files that it names.
 * @throws {NotFound} If the index or a file that it names is not there.
 * @throws {SyntaxError} If the index is none, names a file elsewhere or a tensor that its file lacks,
 * or a file is malformed.
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
  // What the index does not list is there all the same, to be found unexpected.
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
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const [first] = shards.values();
  return {
    path,
    files: [...shards.values()].map((shard) => shard.path).sort(),
    format: first!.format,
    tensors,
    sets: [{ keys: [], shapes, unknown: new Map(), locate: () => Promise.resolve(tensors) }],
    metadata: first!.metadata,
  };
}

/** The file of each tensor by name. */
async function readIndex(
  path: string,
  fail: (reason: string) => SyntaxError,
): Promise<Readonly<Record<string, unknown>>> {
  const index = await readJson(path) as { weight_map?: unknown } | null;
  const map = index?.weight_map;
  if (typeof map !== "object" || map === null || Object.keys(map).length === 0) {
    throw fail('it has no "weight_map" that names the file of each tensor');
  }
  return map as Record<string, unknown>;
}
