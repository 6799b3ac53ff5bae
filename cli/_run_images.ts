import { stat } from "../datasets/_paths.ts";
import { readResults } from "../reports/read_results.ts";
import { RESULTS } from "../reports/run_folder.ts";

/** The images that a run's results name: files alone, since a folder would let in all below it. */
export async function imagesOf(folder: string): Promise<string[]> {
  const paths = new Set<string>();
  for await (const { result: { image } } of readResults(`${folder}/${RESULTS}`)) {
    if (image) paths.add(image);
  }
  const isFolder = async (path: string) => (await stat(path))?.isDirectory ?? false;
  const files: string[] = [];
  for (const path of paths) if (!await isFolder(path)) files.push(path);
  return files;
}
