import type { Box } from "../../../base/geometry.ts";

/** A finding of a training phantom, as draw_set.ts writes it. */
export interface TrainingFinding {
  /** Class of the finding. */
  readonly category: string;
  /** All wordings for the finding. */
  readonly wordings: readonly string[];
  /** Boxes of the finding in pixels of the 128 x 128 image; they may extend beyond the image. */
  readonly boxes: readonly Box[];
}

/**
 * Reads all findings of a training set, in no particular order.
 *
 * @param folder Folder that draw_set.ts wrote.
 * @throws {Error} If the folder cannot be read or holds no findings.
 */
export async function* readFindings(folder: string): AsyncIterableIterator<TrainingFinding> {
  const cannot =
    `Cannot read a training set from "${folder}": expected the folder that draw_set.ts wrote`;
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch((error) => {
    throw new Error(`${cannot} (${error.message})`);
  });
  const files = entries.filter(({ name }) => /^\d+\.jsonl$/.test(name));
  if (files.length === 0) throw new Error(cannot);
  for (const { name } of files) {
    for (const line of (await Deno.readTextFile(`${folder}/${name}`)).trim().split("\n")) {
      yield* JSON.parse(line) as TrainingFinding[];
    }
  }
}
