/** File with the facts of a result; it is written last. */
const RECORD = "result.json";

/** Files of a result. */
const FILES = [RECORD, "heatmap.npy", "overlay.png", "attention.svg", "attention.png"];

/** Files about all classes or sentences; the record of each is its key, and is removed last. */
const SUMMARIES: Readonly<Record<string, readonly string[]>> = {
  "detections.json": ["detections.csv", "overview.png"],
  "report.json": ["report.html"],
};

/** Files that a folder without a result is unlikely to hold. */
const TELLING = [...FILES.slice(0, 3), ...Object.keys(SUMMARIES)];

/** Names of the folders of several images or phrases, such as `2-left-pleural-effusion`. */
const NUMBERED = /^[1-9]\d*(-[a-z0-9]+)*$/;

/** Levels of numbered folders: images, and phrases within them. */
const DEPTH = 2;

/**
 * Refuses a folder that holds results, since new results must not mix with old ones.
 *
 * @throws {Error} If the folder holds results.
 */
export async function refuseEarlierResult(out: string): Promise<void> {
  if (!await holdsResult(out, DEPTH)) return;
  throw new Error(
    `Cannot write to "${out}": it already holds results; choose another --out, or --overwrite them`,
  );
}

/**
 * Removes the results that a folder holds. Keeps files with other names, and links. Keeps all files
 * of a folder whose `result.json` is missing or comes from another program.
 */
export async function removeEarlierResult(out: string): Promise<void> {
  await removeResult(out, DEPTH);
}

async function holdsResult(folder: string, depth: number): Promise<boolean> {
  const entries = await list(folder);
  if (entries.some(({ name, isDirectory }) => !isDirectory && TELLING.includes(name))) return true;
  for (const name of numbered(entries, depth)) {
    if (await holdsResult(`${folder}/${name}`, depth - 1)) return true;
  }
  return false;
}

/** Returns whether there was a result. */
async function removeResult(folder: string, depth: number): Promise<boolean> {
  const entries = await list(folder);
  let isRemoved = false;
  for (const name of numbered(entries, depth)) {
    const path = `${folder}/${name}`;
    if (!await removeResult(path, depth - 1)) continue;
    isRemoved = true;
    if ((await list(path)).length === 0) await Deno.remove(path);
  }
  const names = entries.filter(({ isFile }) => isFile).map(({ name }) => name);
  for (const [record, files] of [...Object.entries(SUMMARIES), [RECORD, FILES.slice(1)] as const]) {
    if (!names.includes(record) || !await isOurs(`${folder}/${record}`)) continue;
    // Remove the record last, so that an interrupted removal can be repeated.
    for (const name of [...files.toReversed(), record]) {
      if (names.includes(name)) await Deno.remove(`${folder}/${name}`);
    }
    isRemoved = true;
  }
  return isRemoved;
}

/** The file is a record as `ground` writes it: of a result, or of all classes or sentences. */
async function isOurs(path: string): Promise<boolean> {
  try {
    const { phrase, crop, heatmapSize, boxes, classes, sentences } = JSON.parse(
      await Deno.readTextFile(path),
    );
    if (Array.isArray(classes ?? sentences)) return true;
    const hasHeatmap = typeof crop === "object" && heatmapSize > 0;
    return typeof phrase === "string" && (hasHeatmap || Array.isArray(boxes));
  } catch {
    return false;
  }
}

/**
 * Folders of single results. Leaves out links, since their targets do not belong to this command.
 */
function numbered(entries: readonly Deno.DirEntry[], depth: number): string[] {
  if (depth === 0) return [];
  return entries.filter(({ name, isDirectory }) => isDirectory && NUMBERED.test(name))
    .map(({ name }) => name);
}

/** Entries of a folder; none if there is no folder, since a later write reports any error. */
async function list(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    const isNone = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isNone) return [];
    throw new Error(`Cannot look into folder "${folder}": ${(error as Error).message}`);
  }
}
