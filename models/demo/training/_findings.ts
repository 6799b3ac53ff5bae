import type { Box } from "../../../base/geometry.ts";

/** A finding of a training phantom, as draw_set.ts writes it. */
export interface TrainingFinding {
  /** Its class. */
  readonly category: string;
  /** Every way in which it may be put. */
  readonly wordings: readonly string[];
  /** Its places in pixels of the 128 x 128 image; they may reach beyond it. */
  readonly boxes: readonly Box[];
}

/**
 * All findings of a training set, in no particular order.
 *
 * @throws {Error} If the folder holds none.
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
