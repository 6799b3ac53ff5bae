import { host } from "../base/host/host.ts";
import { stemOf } from "../base/paths.ts";
import { type Checkpoint, openCheckpoint, openShards } from "./checkpoint/mod.ts";
import { firstFile, requireFile } from "./model_files.ts";

/** Endings of checkpoints, most wanted first. */
const ENDINGS = [".pth", ".safetensors", ".pt", ".bin", ".ckpt"];

/** Endings of an index, which names the files of a checkpoint in several files. */
const INDEXES = [".safetensors", ".bin"];

/** Mark of a file: none, or the mark of transformers and diffusers for half precision. */
const VARIANTS = ["", ".fp16"];

/**
 * Opens the first checkpoint that exists.
 *
 * In each folder a file of a usual name comes first. A file with another ending comes next, then an
 * index of several files, and half precision last. Upper and lower case do not matter.
 *
 * @param folders Folders to search, most wanted first.
 * @param usual Usual names of the file, most wanted first.
 * @param what The weights in words for the message, such as `the autoencoder's weights`.
 * @throws {NotFound} If no folder holds a checkpoint.
 * @throws {SyntaxError} If the checkpoint is malformed.
 */
export async function openWeights(
  folders: readonly string[],
  usual: readonly string[],
  what: string,
): Promise<Checkpoint> {
  const stems = [...new Set(usual.map(stemOf))];
  const combine = (endings: readonly string[]) =>
    stems.flatMap((stem) => endings.map((ending) => stem + ending));
  const names = VARIANTS.flatMap((variant) => [
    ...combine(ENDINGS.map((ending) => variant + ending)),
    ...combine(INDEXES.map((ending) => `${ending}.index${variant}.json`)),
  ]);
  for (const folder of folders) {
    const path = await findFile(folder, [...usual, ...names]);
    if (path === undefined) continue;
    const isIndex = path.toLowerCase().endsWith(".json");
    return await (isIndex ? openShards(path) : openCheckpoint(path));
  }
  return await openCheckpoint(
    await requireFile(folders.flatMap((folder) => usual.map((name) => `${folder}/${name}`)), what),
  );
}

/** Finds the first name that belongs to a file in a folder, in upper or lower case. */
async function findFile(folder: string, names: readonly string[]): Promise<string | undefined> {
  // Without permission to list a folder, a file of the exact name may still be readable.
  const listed = await host().files.list(folder).catch((): string[] => []);
  for (const name of names) {
    const alike = listed.filter((other) => other.toLowerCase() === name.toLowerCase());
    const path = await firstFile([name, ...alike].map((each) => `${folder}/${each}`));
    if (path !== undefined) return path;
  }
}
