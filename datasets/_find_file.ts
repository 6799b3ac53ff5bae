import { InputRangeError, InputTypeError } from "../base/errors.ts";
import { folderOf, resolve, stat } from "../base/paths.ts";
import { knownFiles, RELEASES } from "./layouts/registry.ts";

/** Largest file in bytes; bounded because the whole file is held in memory. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** A dataset's file, and the folder of the dataset. */
export interface DatasetFile {
  readonly file: string;
  /** The folder given as the dataset, or the folder of the given file. */
  readonly folder: string;
}

/**
 * Finds the file that holds a dataset's rows.
 *
 * @param path The file, or the folder of a release.
 * @param split Chooses the file in a release with one file per split.
 * @throws {Deno.errors.NotFound} If the path does not exist, or the folder does not hold exactly
 * one dataset file.
 * @throws {RangeError} If the file is larger than 256 MiB.
 * @throws {TypeError} If the path is neither a file nor a folder, such as a device or a pipe.
 */
export async function findFile(path: string, split?: string): Promise<DatasetFile> {
  const info = await stat(path);
  if (!info) {
    throw new Deno.errors.NotFound(
      `Cannot read dataset "${path}": there is no such file or folder`,
    );
  }
  if (info.isFile) {
    if (info.size <= MAX_FILE_BYTES) return { file: path, folder: folderOf(path) };
    throw new InputRangeError(
      `Cannot read dataset "${path}": expected at most ${MAX_FILE_BYTES} bytes, found ${info.size}`,
    );
  }
  if (!info.isDirectory) {
    throw new InputTypeError(`Cannot read dataset "${path}": it is neither a file nor a folder`);
  }
  const names = await namesIn(path);
  const found = releaseFiles(names);
  // A release may keep its tables in a folder beside the image folders.
  for (const { folder } of found.length === 0 ? RELEASES : []) {
    if (folder === undefined || !names.includes(folder)) continue;
    const below = releaseFiles(await namesIn(resolve(path, folder)));
    found.push(...below.map((name) => `${folder}/${name}`));
  }
  const ofSplit = found.filter((name) =>
    name.endsWith(`_${split}.csv`) || name.endsWith(`_${split}.json`)
  );
  const [name, ...others] = ofSplit.length > 0 ? ofSplit : found;
  if (name === undefined) {
    throw new Deno.errors.NotFound(
      `Cannot read dataset "${path}": expected ${knownFiles()} in it, found none`,
    );
  }
  if (others.length > 0) {
    throw new Deno.errors.NotFound(
      `Cannot read dataset "${path}": expected one file of a dataset in it, found ` +
        `${[name, ...others].sort().join(", ")}; give one of them, or its split`,
    );
  }
  return { ...await findFile(resolve(path, name)), folder: path };
}

async function namesIn(folder: string): Promise<string[]> {
  if (!(await stat(folder))?.isDirectory) return [];
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names;
}

/** Selects the names of dataset files; in each release, the first pattern with a file counts. */
function releaseFiles(names: readonly string[]): string[] {
  return RELEASES.flatMap((release) =>
    release.names.map((pattern) => names.filter((name) => pattern.test(name)))
      .find((found) => found.length > 0) ?? []
  );
}
