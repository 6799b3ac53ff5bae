/**
 * The folder of an evaluation: `run.json` says what is run, `results.jsonl`
 * gets a line a result, `heatmaps.bin` what its heatmap is made of, `summary.json`
 * and the tables what they come to.
 *
 * @module
 */

import type { PlannedSample, Shard } from "../datasets/open_dataset.ts";
import { printable, quote } from "../base/text.ts";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { encodeHeatmap, heatmapKey, HEATMAPS, readHeatmaps } from "./heatmap_file.ts";
import { openIfThere } from "../base/open_if_there.ts";
import { readSamples } from "./read_results.ts";
import { writeWhole } from "../base/write_whole.ts";

/** What a run is: results of equal records may stand in one table. */
export interface RunRecord {
  /** All that decides what a result is, by name; compared as JSON. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Names of the variants; one empty name where there is only the run itself. */
  readonly variants: readonly string[];
  /** Which part of the dataset; the whole where it is left out. */
  readonly shard?: Shard;
  /** The samples that are to have results. */
  readonly plan: readonly PlannedSample[];
}

/** What to do where there are results. */
export type Earlier =
  /** Go on after them. */
  | "resume"
  /** Go on after them, and try again what failed. */
  | "retry"
  /** Remove them. */
  | "overwrite"
  /** Refuse. */
  | "refuse";

/** Name of the file that says what is run, and is locked by the run that writes. */
export const RECORD = "run.json";

/** Differences that are named; a run of another kind may have many. */
const MAX_DIFFERENCES = 8;

/** Most shards of a run. */
const MAX_SHARDS = 1_000_000;

/** Name of the file with a line a result. */
export const RESULTS = "results.jsonl";

/** Names of the files that say what results come to. */
const SUMMARIES = [
  "summary.json",
  "report.html",
  ...["table", "ablation", "protocols"].flatMap((name) =>
    ["md", "tex", "csv"].map((end) => `${name}.${end}`)
  ),
];

/** A folder that this run alone writes to. */
export class RunFolder {
  /** Its path. */
  readonly path: string;
  #record: Deno.FsFile;
  #onNotice: (notice: string) => void;
  #results: Deno.FsFile | undefined;
  #heatmaps: Deno.FsFile | undefined;
  #hasUnsynced = false;
  #isMade = false;
  #isNew = false;
  #isEmpty = true;

  private constructor(path: string, record: Deno.FsFile, onNotice: (notice: string) => void) {
    this.path = path;
    this.#record = record;
    this.#onNotice = onNotice;
  }

  /**
   * Takes a folder for this run; it is made if it is not there. The lock is the
   * operating system's and ends with the process, however that ends.
   *
   * @param path Its path.
   * @param onNotice Told in a sentence where the file system has no locks, and what earlier
   * results are computed again since they were not whole.
   * @throws {Error} If another run writes to it, or it cannot be written to.
   */
  static async lock(path: string, onNotice: (notice: string) => void): Promise<RunFolder> {
    let record: Deno.FsFile;
    const isThere = await Deno.stat(path).then(() => true, () => false);
    try {
      await Deno.mkdir(path, { recursive: true });
      record = await Deno.open(`${path}/${RECORD}`, { read: true, write: true, create: true });
    } catch (error) {
      throw new Error(`Cannot write to folder "${path}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    const isLocked = await record.tryLock(true).catch((error: Error) => {
      onNotice(
        `"${path}" is on a file system without locks (${error.message}): see to it that no other run writes there.`,
      );
      return true;
    });
    if (isLocked) {
      const folder = new RunFolder(path, record, onNotice);
      folder.#isMade = !isThere;
      return folder;
    }
    record.close();
    throw new Error(
      `Cannot write to folder "${path}": another run is writing there; choose another --out`,
    );
  }

  /**
   * Refuses results of another run, or any, as {@linkcode begin} does, before the whole record is
   * known; changes nothing.
   *
   * @param known The record, with those facts alone that are known.
   * @param earlier What to do where there are results.
   * @throws {Error} If they are refused.
   */
  async admit(known: Pick<RunRecord, "facts" | "shard">, earlier: Earlier): Promise<void> {
    const files = [RESULTS, HEATMAPS].map((name) => `${this.path}/${name}`);
    if (earlier === "overwrite" || await areBlank(files)) return;
    if (earlier === "refuse") throw this.#holdsResults();
    const text = withoutZeros(await Deno.readTextFile(`${this.path}/${RECORD}`));
    // What is wrong with it is said when the run begins.
    if (text === "") return;
    const { facts, ...before } = parseRecord(`${this.path}/${RECORD}`, text);
    const names = Object.keys(known.facts);
    const compared = Object.fromEntries(
      Object.entries(facts).filter(([name]) => names.includes(name)),
    );
    requireSame(this.path, { ...before, facts: compared }, { ...before, ...known });
  }

  #holdsResults(): Error {
    return new Error(
      `Cannot write to "${this.path}": it already holds results; choose another --out`,
    );
  }

  /**
   * Begins the run, or goes on with it: after the last sample that is whole in the results and
   * in the heatmaps, whatever a kill or a power cut has left of the others.
   *
   * @param record What is to be run.
   * @param earlier What to do where there are results.
   * @param onResult Told each earlier result that stays.
   * @returns Ids of the samples that are done.
   * @throws {Error} If there are results of another run, or any and they are to be refused.
   * @throws {SyntaxError} If the folder's files are corrupt otherwise.
   */
  async begin(
    record: RunRecord,
    earlier: Earlier,
    onResult: (result: SampleResult) => void,
  ): Promise<Set<string>> {
    const stored = await Deno.readTextFile(`${this.path}/${RECORD}`);
    const text = withoutZeros(stored);
    const path = `${this.path}/${RESULTS}`;
    const files = [path, `${this.path}/${HEATMAPS}`];
    const hasResults = !await areBlank(files);
    this.#isNew = text === "" && !hasResults;
    if (earlier === "overwrite") {
      for (const name of [RESULTS, HEATMAPS, ...SUMMARIES]) {
        await Deno.remove(`${this.path}/${name}`).catch((error) => {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        });
      }
    } else if (hasResults) {
      if (earlier === "refuse") throw this.#holdsResults();
      if (text === "") {
        throw new Error(
          `Cannot go on in "${this.path}": it already holds results, and no ${RECORD} that says ` +
            "of what; choose another --out, or --overwrite them",
        );
      }
      const advice = "; choose another --out, or --overwrite its results";
      requireSame(this.path, parseRecord(`${this.path}/${RECORD}`, text, advice), record);
    }
    if (!hasResults || earlier === "overwrite" || text !== stored) {
      await this.#writeRecord(JSON.stringify(record, null, 1) + "\n");
    }
    const done = new Set<string>();
    const heatmaps = new Set<string>();
    const whole = new Set<string>();
    for await (const { heatmap } of readHeatmaps(files[1]!)) whole.add(heatmapKey(heatmap));
    const kept = await this.#keep(path, record.variants, earlier === "retry", whole, (result) => {
      done.add(result.id);
      if (hasHeatmap(result)) heatmaps.add(heatmapKey(result));
      onResult(result);
    });
    this.#isEmpty = kept === 0;
    // What the run left of later samples goes.
    const keptHeatmaps = await this.#keepHeatmaps(heatmaps);
    this.#results = await openAt(path, kept);
    this.#heatmaps = await openAt(`${this.path}/${HEATMAPS}`, keptHeatmaps);
    return done;
  }

  /**
   * Adds what heatmaps are made of, before their results.
   *
   * @throws {Error} If it cannot be written, such as on a full disk.
   */
  async writeHeatmaps(
    heatmaps: Iterable<StoredHeatmap> | AsyncIterable<StoredHeatmap>,
  ): Promise<void> {
    for await (const heatmap of heatmaps) {
      await this.#append(this.#heatmaps!, HEATMAPS, encodeHeatmap(heatmap));
      this.#hasUnsynced = true;
    }
  }

  /**
   * Adds results, best those of a sample together, since each call waits for the disk twice: the
   * heatmaps are there before a line speaks of them, and the lines when this returns.
   *
   * @throws {Error} If they cannot be written, such as on a full disk.
   */
  async write(results: readonly SampleResult[]): Promise<void> {
    if (this.#hasUnsynced) await this.#sync(this.#heatmaps!, HEATMAPS);
    this.#hasUnsynced = false;
    const lines = results.map((result) => JSON.stringify(result) + "\n");
    await this.#append(this.#results!, RESULTS, new TextEncoder().encode(lines.join("")));
    await this.#sync(this.#results!, RESULTS);
    if (results.length > 0) this.#isEmpty = false;
  }

  /**
   * Writes what the results come to.
   *
   * @param summary The numbers.
   * @param tables Tables, by the names of their files.
   */
  async summarise(summary: object, tables: Readonly<Record<string, string>>): Promise<void> {
    const json = JSON.stringify(summary, null, 2) + "\n";
    for (const [name, text] of Object.entries({ "summary.json": json, ...tables })) {
      await writeWhole(`${this.path}/${name}`, text, { isSynced: true });
    }
    this.#isEmpty = false;
  }

  /** Gives the folder free; a run that came to nothing leaves nothing of its own behind. */
  async close(): Promise<void> {
    this.#results?.close();
    this.#heatmaps?.close();
    const leftovers = this.#isNew && this.#isEmpty
      ? [RESULTS, HEATMAPS, RECORD]
      : await this.#record.seek(0, Deno.SeekMode.End) === 0
      ? [RECORD]
      : [];
    for (const name of leftovers) await Deno.remove(`${this.path}/${name}`).catch(() => {});
    this.#record.close();
    // Only a folder without anything in it goes.
    if (this.#isMade && this.#isEmpty) await Deno.remove(this.path).catch(() => {});
  }

  async #writeRecord(text: string): Promise<void> {
    await this.#record.truncate();
    await this.#record.seek(0, Deno.SeekMode.Start);
    await this.#append(this.#record, RECORD, new TextEncoder().encode(text));
    await this.#sync(this.#record, RECORD);
  }

  /** Writes where a file stands. */
  async #append(file: Deno.FsFile, name: string, bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } catch (error) {
      throw this.#unwritten(name, error as Error);
    }
  }

  /** Waits until all of a file is on the disk. */
  async #sync(file: Deno.FsFile, name: string): Promise<void> {
    await file.syncData().catch((error) => {
      throw this.#unwritten(name, error);
    });
  }

  #unwritten(name: string, error: Error): Error {
    return new Error(`Cannot write "${this.path}/${name}": ${error.message}`, { cause: error });
  }

  /**
   * Removes the heatmaps without a result, and gives the bytes of the others.
   *
   * @param missing The names of those that have one, all of them whole.
   */
  async #keepHeatmaps(missing: Set<string>): Promise<number> {
    const path = `${this.path}/${HEATMAPS}`;
    let kept = 0;
    let isTornInside = false;
    const stay: number[] = [];
    for await (const { heatmap, bytes, start } of readHeatmaps(path)) {
      if (!missing.delete(heatmapKey(heatmap))) continue;
      isTornInside ||= start > kept;
      stay.push(start);
      kept += bytes.length;
    }
    if (!isTornInside) return kept;
    // What was tried again has left gaps.
    const partial = `${path}.partial`;
    const starts = new Set(stay);
    using copy = await Deno.open(partial, { write: true, create: true, truncate: true });
    for await (const { bytes, start } of readHeatmaps(path)) {
      if (starts.has(start)) await this.#append(copy, `${HEATMAPS}.partial`, bytes);
    }
    await this.#sync(copy, `${HEATMAPS}.partial`);
    await Deno.rename(partial, path);
    return kept;
  }

  /**
   * Tells the results that stay, and gives the bytes that they take.
   *
   * @param whole The names of the heatmaps that are whole.
   */
  async #keep(
    path: string,
    variants: readonly string[],
    isRetry: boolean,
    whole: ReadonlySet<string>,
    onResult: (result: SampleResult) => void,
  ): Promise<number> {
    let kept = 0;
    const stay: string[] = [];
    let failures = 0;
    let again = 0;
    let lacking: SampleResult | undefined;
    const onHole = (notice: string) => this.#onNotice(`${notice} The run goes on before it.`);
    for await (const lines of readSamples(path, variants.length, { onHole })) {
      lacking ??= lines.map(({ result }) => result)
        .find((result) => hasHeatmap(result) && !whole.has(heatmapKey(result)));
      if (lacking) {
        again++;
        continue;
      }
      kept = lines.at(-1)!.end;
      if (isRetry && lines.some(({ result }) => result.status === "failed")) {
        failures++;
        continue;
      }
      for (const { result, text } of lines) {
        onResult(result);
        if (isRetry) stay.push(text);
      }
    }
    if (lacking) {
      this.#onNotice(
        `"${this.path}/${HEATMAPS}" ends before the heatmap of ${quote(lacking.id, 60)}, as a ` +
          `power cut leaves it: samples from there on are computed again (${again}).`,
      );
    }
    if (failures === 0) return kept;
    const text = stay.map((line) => `${line}\n`).join("");
    await writeWhole(path, text, { isSynced: true });
    return new TextEncoder().encode(text).length;
  }
}

/** Whether what a result's heatmap is made of is stored. */
export function hasHeatmap(
  result: SampleResult,
): result is Extract<SampleResult, { status: "scored" | "grounded" }> {
  return (result.status === "scored" || result.status === "grounded") && !result.predicted;
}

/**
 * Path of a result's image; `undefined` where there is none, or where the row was refused: its path
 * is the dataset's, and may be what was refused about it.
 */
export function imageOf(result: SampleResult): string | undefined {
  const isRefused = result.status === "failed" && result.stage === "dataset";
  return isRefused ? undefined : result.image;
}

/** Text without the zeros that a file system may put after a file's end. */
function withoutZeros(text: string): string {
  return text.replace(/\0+$/, "");
}

/** Whether files are missing, empty or nothing but zeros. */
async function areBlank(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    using file = await openIfThere(path);
    for await (const chunk of file?.readable ?? []) {
      if (chunk.some((byte) => byte !== 0)) return false;
    }
  }
  return true;
}

/** Opens a file to write after its first bytes; the others are cut off. */
async function openAt(path: string, size: number): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, create: true });
  await file.truncate(size);
  await file.seek(0, Deno.SeekMode.End);
  return file;
}

/**
 * Reads what a folder says of its run.
 *
 * @param folder The run's folder.
 * @throws {SyntaxError} If that is not to be read.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function readRunRecord(folder: string): Promise<RunRecord> {
  const path = `${folder}/${RECORD}`;
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new Deno.errors.NotFound(
      `Cannot read "${folder}": expected the folder of a run, with a ${RECORD} that can be read ` +
        `(${(error as Error).message})`,
    );
  }
  return parseRecord(
    path,
    text,
    "; run the same eval again, with another --out or with --overwrite",
  );
}

/**
 * Reads what a run's folder says of the run.
 *
 * @param advice What an error ends with.
 * @throws {SyntaxError} If that is not to be read.
 */
export function parseRecord(path: string, text: string, advice = ""): RunRecord {
  try {
    const record = JSON.parse(withoutZeros(text)) as RunRecord;
    const { facts, variants, plan, shard } = record;
    const isSample = ({ id, index }: PlannedSample, i: number) =>
      typeof id === "string" && Number.isSafeInteger(index) &&
      index > (plan[i - 1]?.index ?? -1);
    const isShard = !shard ||
      [shard.number, shard.count].every(Number.isSafeInteger) && shard.number >= 1 &&
        shard.number <= shard.count && shard.count <= MAX_SHARDS;
    const isNamed = Array.isArray(variants) && variants.length > 0 &&
      variants.every((name) => typeof name === "string");
    // What is nested too deeply to be written is too deep to be compared.
    JSON.stringify(record);
    if (typeof facts === "object" && facts && isShard && isNamed && plan.every(isSample)) {
      return record;
    }
  } catch {
    // Said below.
  }
  throw new SyntaxError(`Cannot read "${path}": it does not say what was run${advice}`);
}

/**
 * What two runs differ in, one phrase each, such as `settings.steps (300, here 50)`.
 *
 * @param one A run.
 * @param other The run that is spoken of as here.
 */
export function differences(one: RunRecord, other: RunRecord): string[] {
  const [left, right] = [one, other].map(({ facts, shard }) => leaves({ ...facts, shard }));
  const names = [...new Set([...left!.keys(), ...right!.keys()])];
  return names.filter((name) => left!.get(name) !== right!.get(name))
    .slice(0, MAX_DIFFERENCES)
    .map((name) =>
      `${printable(name)} (${printable(left!.get(name) ?? "none")}, here ` +
      `${printable(right!.get(name) ?? "none")})`
    );
}

/** The values in a tree by their paths, as JSON; a list is one value. */
function leaves(value: unknown, path = "", found = new Map<string, string>()) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [name, entry] of Object.entries(value)) {
      leaves(entry, path ? `${path}.${name}` : name, found);
    }
  } else if (value !== undefined) {
    found.set(path, JSON.stringify(value));
  }
  return found;
}

function requireSame(path: string, earlier: RunRecord, record: RunRecord): void {
  const different = differences(earlier, record);
  if (different.length === 0) return;
  throw new Error(
    `Cannot go on in "${path}": its run differs in ${different.join(", ")}; ` +
      "choose another --out, or --overwrite its results",
  );
}
