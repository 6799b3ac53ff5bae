/**
 * Images by file, folder, pattern or run.
 *
 * @module
 */

import { globToRegExp } from "@std/path/glob-to-regexp";
import { folderOf, nameOf, resolve, stat } from "../datasets/_paths.ts";
import { readResults } from "../reports/read_results.ts";
import { imageOf, RESULTS } from "../reports/run_folder.ts";

/** Endings of the files that are taken from a folder. */
const ENDING = /\.(png|jpe?g|dcm|dicom)$/i;

/**
 * The image files that some paths stand for: a file itself, a folder its images
 * in order of their names, and a pattern such as `xrays/*.dcm` the files that
 * match. A path that is none of these is left for its reader to complain of.
 *
 * @param paths Files, folders and patterns.
 * @throws {Deno.errors.NotFound} If a folder or pattern stands for no file.
 */
export async function findImages(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const info = await stat(path);
    if (info?.isDirectory) {
      const names = await fileNames(path, ENDING);
      if (names.length === 0) {
        throw new Deno.errors.NotFound(`Cannot read images from "${path}": it holds none`);
      }
      found.push(...names.map((name) => resolve(path, name)));
    } else if (info || !isPattern(path)) found.push(path);
    else {
      const names = await fileNames(folderOf(path), globToRegExp(nameOf(path)));
      if (names.length === 0) {
        throw new Deno.errors.NotFound(`Cannot read images "${path}": no file matches`);
      }
      const folder = path.slice(0, path.length - nameOf(path).length);
      found.push(...names.map((name) => folder + name));
    }
  }
  return [...new Set(found)];
}

/** What must be read to find the images that some paths stand for, and the images. */
export function imageReach(paths: readonly string[]): string[] {
  return paths.map((path) => isPattern(path) ? folderOf(path) : path);
}

/** Whether the name of a file holds wildcards; those of folders are taken as they are. */
function isPattern(path: string): boolean {
  return /[*?[{]/.test(nameOf(path));
}

async function fileNames(folder: string, pattern: RegExp): Promise<string[]> {
  if (!(await stat(folder))?.isDirectory) return [];
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory && !name.startsWith(".") && pattern.test(name)) names.push(name);
  }
  return names.sort();
}

/** The images that a run's results name: files alone, since a folder would let in all below it. */
export async function imagesOf(folder: string): Promise<string[]> {
  const paths = new Set<string>();
  for await (const { result } of readResults(`${folder}/${RESULTS}`)) {
    const image = imageOf(result);
    if (image) paths.add(image);
  }
  const isFolder = async (path: string) => (await stat(path))?.isDirectory ?? false;
  const files: string[] = [];
  for (const path of paths) if (!await isFolder(path)) files.push(path);
  return files;
}
