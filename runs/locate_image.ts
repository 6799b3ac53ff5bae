import { resolve } from "../base/paths.ts";

/** Most folders above the run's folder to look in. */
const MOST_ABOVE = 12;

/**
 * Finds an image, or the file of a mask, of a run's results. A relative path begins in the folder where the evaluation
 * ran. If it leads to nothing from the working folder, the run's folder and the folders above it
 * are tried, since one of them usually is that folder.
 *
 * @returns The first path that leads to a file; `path` itself if there is none.
 */
export async function locateImage(folder: string, path: string): Promise<string> {
  // A confined command may read no other path: there the path counts as empty.
  const isFile = (path: string) => Deno.stat(path).then(({ isFile }) => isFile, () => false);
  if (path.startsWith("/") || await isFile(path)) return path;
  for (let above = 0; above <= MOST_ABOVE; above++) {
    const candidate = resolve(folder, "../".repeat(above) + path);
    if (await isFile(candidate)) return candidate;
  }
  return path;
}
