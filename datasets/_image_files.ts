import { resolve, stat } from "../base/paths.ts";

/** Endings of image files, the original first where an image is there in several. */
const ENDINGS = ["dicom", "dcm", "dic", "ima", "png", "jpg", "jpeg", "jpe", "jfif"];

const isImage = (name: string) => ENDINGS.includes(name.replace(/^.*\./s, "").toLowerCase());

/**
 * Files of images that a dataset names without an ending, by that name.
 *
 * @param folder Where they are, themselves or in folders such as `train` and `test`.
 * @returns Paths below the folder.
 */
export async function imageFiles(folder: string): Promise<Map<string, string>> {
  const ranks = new Map<string, number>();
  const files = new Map<string, string>();
  const add = (name: string, path: string) => {
    const dot = name.lastIndexOf(".");
    const known = ENDINGS.indexOf(name.slice(dot + 1).toLowerCase());
    // A file may have the name itself, such as a UID, of which a part looks like an ending.
    const [rank, stem] = known < 0 ? [ENDINGS.length, name] : [known, name.slice(0, dot)];
    // Of two that are as good the first by name, whatever order the system lists them in.
    const [best = Infinity, other = ""] = [ranks.get(stem), files.get(stem)];
    if (rank > best || (rank === best && path > other)) return;
    ranks.set(stem, rank);
    files.set(stem, path);
  };
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = resolve(folder, name);
    // What has an image's ending is one: asking after each of many links would take long.
    const isLink = isSymlink && !isImage(name) && (await stat(path))?.isDirectory;
    if (!isDirectory && !isLink) add(name, name);
    else {
      for await (const file of Deno.readDir(path)) {
        if (!file.isDirectory) add(file.name, `${name}/${file.name}`);
      }
    }
  }
  return files;
}
