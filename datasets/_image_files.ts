import { resolve, stat } from "../base/paths.ts";
import { IMAGE_ENDINGS, imageEnding } from "../images/endings.ts";

/**
 * Finds image files for a dataset that names images without a file extension.
 *
 * @param folder Folder with the files, directly or in subfolders such as `train` and `test`.
 * @returns Paths below the folder, by image name.
 */
export async function imageFiles(folder: string): Promise<Map<string, string>> {
  const ranks = new Map<string, number>();
  const files = new Map<string, string>();
  const add = (name: string, path: string) => {
    const known = imageEnding(name);
    // A file may have no extension but a dot in its name, such as a UID: keep the whole name.
    const [rank, stem] = known < 0
      ? [IMAGE_ENDINGS.length, name]
      : [known, name.slice(0, name.lastIndexOf("."))];
    // Break ties by name, so that the choice does not depend on directory order.
    const [best = Infinity, other = ""] = [ranks.get(stem), files.get(stem)];
    if (rank > best || (rank === best && path > other)) return;
    ranks.set(stem, rank);
    files.set(stem, path);
  };
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = resolve(folder, name);
    // Assume that a link with an image extension is a file, because `stat` on many links is slow.
    const isLink = isSymlink && imageEnding(name) < 0 && (await stat(path))?.isDirectory;
    if (!isDirectory && !isLink) add(name, name);
    else {
      for await (const file of Deno.readDir(path)) {
        if (!file.isDirectory) add(file.name, `${name}/${file.name}`);
      }
    }
  }
  return files;
}
