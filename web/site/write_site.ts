/**
 * Writes the page's static files into a folder.
 *
 * @module
 */

import { InputError } from "../../base/errors.ts";
import { folderOf } from "../../base/paths.ts";
import { makeFolder, writeWhole } from "../../base/write_whole.ts";
import type { SiteFiles } from "./site_files.ts";

/** Name of the list of files, which tells the folder of an earlier site. */
export const LIST = "site.json";

/**
 * Writes a site, and removes the files of an earlier site that the new one lacks. Files of others in
 * the folder of an earlier site stay.
 *
 * @throws {Error} If the folder holds files and no earlier site, or cannot be written.
 */
export async function writeSite(folder: string, files: SiteFiles): Promise<void> {
  await makeFolder(folder);
  const earlier = await earlierFiles(folder);
  const own = [...files.keys()];
  const list = (paths: readonly string[]) =>
    writeWhole(`${folder}/${LIST}`, JSON.stringify({ groundray: "site", files: paths }) + "\n");
  // A site that is only half written is listed too, and the next call may replace it.
  await list([...new Set([...own, ...earlier])]);
  for (const [path, bytes] of files) {
    await makeFolder(folderOf(`${folder}/${path}`));
    await writeWhole(`${folder}/${path}`, bytes);
  }
  for (const path of earlier) if (!files.has(path)) await removeFile(folder, path);
  await list(own);
}

/**
 * Lists the files of an earlier site in a folder.
 *
 * @returns Relative paths; empty for an empty folder.
 * @throws {InputError} If the folder holds files and no earlier site.
 */
export async function earlierFiles(folder: string): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  // A first call that was killed may have left the list unfinished.
  if (names.every((name) => name === `${LIST}.partial`)) return [];
  const refuse = (reason: string): never => {
    throw new InputError(
      `Cannot write to folder "${folder}": ${reason}; choose an empty folder, or one of an earlier site`,
    );
  };
  if (!names.includes(LIST)) refuse("it holds other files");
  let list: { readonly groundray?: unknown; readonly files?: unknown } | undefined;
  try {
    list = JSON.parse(await Deno.readTextFile(`${folder}/${LIST}`));
  } catch { /* refused below */ }
  const paths = list?.groundray === "site" && Array.isArray(list.files) ? list.files : undefined;
  if (!paths?.every(isInside)) refuse(`its "${LIST}" is not the list of an earlier site`);
  return paths!;
}

/** Whether a path leads to a file below the folder. */
function isInside(path: unknown): path is string {
  return typeof path === "string" && /^[^/\\]+(\/[^/\\]+)*$/.test(path) &&
    !path.split("/").some((name) => name === ".." || name === ".");
}

/** Removes a file, and its folders below the site's if they are empty then. */
async function removeFile(folder: string, path: string): Promise<void> {
  await Deno.remove(`${folder}/${path}`).catch(() => {});
  for (let at = folderOf(path); at !== "."; at = folderOf(at)) {
    await Deno.remove(`${folder}/${at}`).catch(() => {});
  }
}
