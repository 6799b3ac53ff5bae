import { resolve, stat } from "../base/paths.ts";
import { IMAGE_ENDINGS, imageEnding } from "../images/endings.ts";

/** Depth of the subfolders that may hold images, such as `images_001/images` of NIH ChestX-ray14. */
const DEPTH = 2;

/**
 * Name of an image file without its extension.
 *
 * A file may have no extension but a dot in its name, such as a UID: then the whole name is kept.
 */
export function imageStem(name: string): string {
  return imageEnding(name) < 0 ? name : name.slice(0, name.lastIndexOf("."));
}

/**
 * Finds image files for a dataset that names images without their folders.
 *
 * @param folder Folder with the files, directly or in subfolders such as `train` and `test`.
 * @returns Paths below the folder, by image name without a file extension.
 */
export async function imageFiles(folder: string): Promise<Map<string, string>> {
  const ranks = new Map<string, number>();
  const files = new Map<string, string>();
  const add = (name: string, path: string, depth: number) => {
    const ending = imageEnding(name);
    const known = ending < 0 ? IMAGE_ENDINGS.length : ending;
    // A file two folders deep counts only if no other has the name.
    const rank = depth < DEPTH ? known : known + IMAGE_ENDINGS.length + 1;
    const stem = imageStem(name);
    // Break ties by name, so that the choice does not depend on directory order.
    const [best = Infinity, other = ""] = [ranks.get(stem), files.get(stem)];
    if (rank > best || (rank === best && path > other)) return;
    ranks.set(stem, rank);
    files.set(stem, path);
  };
  const read = async (below: string, depth: number) => {
    const here = resolve(folder, below);
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(here)) {
      const path = below ? `${below}/${name}` : name;
      // Assume that a link with an image extension is a file, because `stat` on many links is slow.
      const isLink = depth === 0 && isSymlink && imageEnding(name) < 0 &&
        (await stat(resolve(here, name)))?.isDirectory;
      if (!isDirectory && !isLink) add(name, path, depth);
      else if (depth < DEPTH) await read(path, depth + 1);
    }
  };
  await read("", 0);
  return files;
}
