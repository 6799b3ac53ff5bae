/**
 * Finds the weights of a network in a folder, whatever its saver called them.
 *
 * @module
 */

import { host } from "../base/host/host.ts";
import { type Checkpoint, openCheckpoint, openShards } from "./checkpoint/mod.ts";
import { firstFile, requireFile } from "./model_files.ts";

/** Endings of checkpoints. */
const ENDINGS = [".pth", ".safetensors", ".pt", ".bin", ".ckpt"];

/** Before an ending: nothing, or what transformers and diffusers call weights in half precision. */
const VARIANTS = ["", ".fp16"];

/** Endings of an index of several files. */
const INDEXES = [".safetensors", ".bin"].flatMap((ending) =>
  [".index.json", ".index.fp16.json"].map((index) => ending + index)
);

/**
 * Opens the first checkpoint that is there: a file of a usual name, one with another ending or in
 * half precision, or an index of several files. Endings may be in capitals.
 *
 * @param folders Where to look, the most wanted first.
 * @param usual Names that it usually has, the most wanted first.
 * @param what What it is, for the message.
 * @throws {NotFound} If there is none.
 * @throws {SyntaxError} If it is malformed.
 */
export async function openWeights(
  folders: readonly string[],
  usual: readonly string[],
  what: string,
): Promise<Checkpoint> {
  const stems = [...new Set(usual.map((name) => name.replace(/\.[^.]*$/, "")))];
  const combine = (endings: readonly string[]) =>
    VARIANTS.flatMap((variant) =>
      stems.flatMap((stem) => endings.map((ending) => stem + variant + ending))
    );
  const names = [...usual, ...combine(ENDINGS), ...combine(INDEXES)];
  for (const folder of folders) {
    const path = await findFile(folder, names);
    if (path === undefined) continue;
    const isIndex = path.toLowerCase().endsWith(".json");
    return await (isIndex ? openShards(path) : openCheckpoint(path));
  }
  return await openCheckpoint(
    await requireFile(folders.flatMap((folder) => usual.map((name) => `${folder}/${name}`)), what),
  );
}

/** The first of some names that is a file's in a folder, in whatever case it is written there. */
async function findFile(folder: string, names: readonly string[]): Promise<string | undefined> {
  // A folder that may not be listed may still hold files of the very names.
  const listed = await host().files.list(folder).catch((): string[] => []);
  for (const name of names) {
    const alike = listed.filter((other) => other.toLowerCase() === name.toLowerCase());
    const path = await firstFile([name, ...alike].map((each) => `${folder}/${each}`));
    if (path !== undefined) return path;
  }
}
