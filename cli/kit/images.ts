import { globToRegExp } from "@std/path/glob-to-regexp";
import { UsageError } from "./flags.ts";
import { nameOf, resolve, stat } from "../../base/paths.ts";
import { isDicom } from "../../images/dicom/dicom.ts";
import { imageEnding } from "../../images/endings.ts";
import { imageHeader } from "../../images/image_header.ts";
import { locateImage } from "../../runs/locate_image.ts";
import { Run } from "../../runs/run.ts";

/** Names of files beside images that are not images; DICOMDIR is a DICOM file without a picture. */
const BESIDE_IMAGES = /^(dicomdir|thumbs\.db|desktop\.ini)$/i;

/** Number of bytes at the start of a file that show whether it is an image. */
const HEAD_BYTES = 256;

/** Stands for bytes of a name that are not UTF-8. */
const NOT_UTF8 = "\uFFFD";

/**
 * Finds the image files that paths stand for. A file stands for itself, and a folder for its images
 * in order of their names. A pattern such as `xrays/*.dcm` stands for the images that match.
 *
 * In a folder or pattern, a file without a usual ending counts if its content begins like an image.
 * A path where nothing exists is returned unchanged; the image reader reports the error.
 *
 * @param paths Files, folders and patterns.
 * @param onNotice Receives one sentence about files that are not images.
 * @throws {Deno.errors.NotFound} If a folder or pattern stands for no image.
 */
export async function findImages(
  paths: readonly string[],
  onNotice: (notice: string) => void = () => {},
): Promise<string[]> {
  const found: string[] = [];
  const others: string[] = [];
  for (const path of paths) {
    const info = await stat(path);
    const pattern = info ? undefined : await splitPattern(path);
    if (!info?.isDirectory && !pattern) {
      found.push(path);
      continue;
    }
    const patterns = pattern ? expandBraces(pattern.rest) : ["*"];
    const before = found.length;
    let count = 0;
    for (const rest of patterns) {
      for await (const file of matches(pattern?.folder ?? path, rest.split("/"))) {
        count++;
        const isTaken = await isImageFile(file);
        (isTaken ? found : others).push(file);
      }
    }
    if (found.length > before) continue;
    throw new Deno.errors.NotFound(
      pattern
        ? `Cannot read images "${path}": ` +
          (count > 0 ? `none of the ${count} files that match is an image` : "no file matches")
        : `Cannot read images from "${path}": it holds none${await whereInstead(path)}`,
    );
  }
  if (others.length > 0) {
    onNotice(`Passed over ${others.length} files that are no images, such as "${others[0]}".`);
  }
  return [...new Set(found)];
}

/**
 * Paths that a run must be allowed to read in order to find and open images.
 *
 * @throws {UsageError} If a path is empty.
 */
export async function imageReach(paths: readonly string[]): Promise<string[]> {
  if (paths.includes("")) throw new UsageError('Option "--image" is empty');
  const folders = paths.map(async (path) =>
    await stat(path) ? path : (await splitPattern(path))?.folder ?? path
  );
  return await Promise.all(folders);
}

/**
 * Splits a pattern into the folder before the first wildcard and the rest. Returns `undefined` if
 * the path has no wildcards. A name that exists is taken literally, even if it contains wildcards.
 */
async function splitPattern(path: string): Promise<{ folder: string; rest: string } | undefined> {
  const segments = path.split(Deno.build.os === "windows" ? /[/\\]/ : "/");
  for (const [i, segment] of segments.entries()) {
    if (!/[*?[{]/.test(segment)) continue;
    const folder = segments.slice(0, i).join("/");
    if (await stat(segments.slice(0, i + 1).join("/"))) continue;
    const rest = segments.slice(i).join("/");
    return { folder: folder || (i > 0 ? "/" : "."), rest };
  }
  return undefined;
}

/** Expands `a{b,c}` to `ab` and `ac`, as shells do. */
function expandBraces(pattern: string): string[] {
  const [whole, before, inner, after] = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(pattern) ?? [];
  if (whole === undefined) return [pattern];
  return inner!.split(",").flatMap((part) => expandBraces(before! + part + after!));
}

/**
 * The files below a folder that match a pattern, in order of their names.
 *
 * @param segments Segments of the pattern; `**` stands for any number of folders.
 */
async function* matches(folder: string, segments: readonly string[]): AsyncIterable<string> {
  const [first, ...rest] = segments as [string];
  const isLast = rest.length === 0;
  const isDeep = first === "**";
  const name = isDeep && !isLast ? /^/ : globToRegExp(isDeep ? "*" : first);
  if (isDeep && !isLast) yield* matches(folder, rest);
  for (const entry of await entriesOf(folder)) {
    if (entry.name.startsWith(".") && !first.startsWith(".") || !name.test(entry.name)) continue;
    const path = folder === "." ? entry.name : resolve(folder, entry.name);
    // A link to a folder counts as a folder, except under "**", which could follow it in circles.
    const isFolder = entry.isDirectory || !isDeep && entry.isSymlink && await isFolderAt(path);
    if (isFolder && (isDeep || !isLast)) yield* matches(path, isDeep ? segments : rest);
    if (!isFolder && isLast) yield path;
  }
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  if (!await isFolderAt(folder)) {
    if (!nameOf(folder).includes(NOT_UTF8)) return [];
    throw new Error(`Cannot read folder "${folder}": its name is not UTF-8; rename it`);
  }
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

async function isFolderAt(path: string): Promise<boolean> {
  return (await stat(path))?.isDirectory ?? false;
}

async function isImageFile(path: string): Promise<boolean> {
  const name = nameOf(path);
  if (BESIDE_IMAGES.test(name)) return false;
  // The image reader reports a faulty file, and a name outside UTF-8, which cannot be opened.
  if (imageEnding(name) >= 0 || name.includes(NOT_UTF8)) return true;
  // Check before opening the file: opening a pipe would wait for its writer.
  if (!(await stat(path))?.isFile) return false;
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD_BYTES);
  const count = await file.read(head) ?? 0;
  const bytes = head.subarray(0, count);
  return imageHeader(bytes) !== undefined || isDicom(bytes);
}

/** Hint for an error message that images are in subfolders; empty if they are not. */
async function whereInstead(folder: string): Promise<string> {
  for await (const path of matches(folder, ["**", "*"])) {
    if (await isImageFile(path)) return `, its folders do: give the pattern "${folder}/**/*"`;
  }
  return "";
}

/**
 * Images that a run's results name, and files of masks. Leaves out folders, since permission for one
 * covers all files in it.
 */
export async function imagesOf(folder: string): Promise<string[]> {
  return await located(folder, await Run.imagePaths(folder));
}

/** Files of masks that a run's results name, without folders as {@linkcode imagesOf}. */
export async function masksOf(folder: string): Promise<string[]> {
  return await located(folder, await Run.maskPaths(folder));
}

async function located(folder: string, paths: Iterable<string>): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const found = await locateImage(folder, path);
    if (!await isFolderAt(found)) files.push(found);
  }
  return files;
}
