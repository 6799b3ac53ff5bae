/**
 * The folder of an evaluation. `run.json` holds the record of the run, `results.jsonl` one line
 * per result, `heatmaps.bin` the data to rebuild each heatmap. `summary.json` and the tables hold
 * the means over the results.
 *
 * @module
 */

import type { PlannedSample, Shard } from "../datasets/open_dataset.ts";
import { isObject } from "../base/json.ts";
import { printable, quote } from "../base/text.ts";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { ATTENTION, encodeHeatmap, heatmapKey, HEATMAPS, readHeatmaps } from "./heatmap_file.ts";
import { openIfThere } from "../base/open_if_there.ts";
import { readSamples } from "./read_results.ts";
import { writeWhole } from "../base/write_whole.ts";

/** The record of a run. Results of runs with equal records may share a table. */
export interface RunRecord {
  /** All facts that decide a result, by name; compared as JSON. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Names of the variants; a run without variants has one empty name. */
  readonly variants: readonly string[];
  /** The part of the dataset; left out if the run covers the whole dataset. */
  readonly shard?: Shard;
  /** The samples to evaluate, in ascending order of their index in the dataset. */
  readonly plan: readonly PlannedSample[];
}

/** How a run treats earlier results in its folder. */
export type Earlier =
  /** Keep the results and continue after them. */
  | "resume"
  /** Continue after the results, and compute failed samples again. */
  | "retry"
  /** Remove the results. */
  | "overwrite"
  /** Throw an error. */
  | "refuse";

/** Attention that a run keeps beside its heatmaps. */
export interface KeptAttention {
  /** Layers of each group of steps, in the order of the file. */
  readonly layers: readonly number[];
  /** First step of each group, and one past the last step; neighbouring groups touch. */
  readonly steps: readonly (readonly [start: number, end: number])[];
}

/** The attention that a run keeps according to its record; `undefined` if it keeps none. */
export function keptOf({ facts }: Pick<RunRecord, "facts">): KeptAttention | undefined {
  return (facts.settings as { readonly kept?: KeptAttention } | undefined)?.kept ?? undefined;
}

/** Name of the file with the run's record; the writing run holds a lock on the file. */
export const RECORD = "run.json";

/** Most differences that a message names; a run of another kind may have many. */
const MAX_DIFFERENCES = 8;

/** Most shards of a run. */
const MAX_SHARDS = 1_000_000;

/** Name of the file with one line per result. */
export const RESULTS = "results.jsonl";

/** Name of a run's page. */
export const REPORT = "report.html";

/** Names of the files that summarise the results. */
const SUMMARIES = [
  "summary.json",
  REPORT,
  "groups.json",
  ...["table", "ablation", "protocols", "laterality", "controls"].flatMap((name) =>
    ["md", "tex", "csv"].map((end) => `${name}.${end}`)
  ),
];

/** A run's folder, locked against other runs. */
export class RunFolder {
  /** Path of the folder. */
  readonly path: string;
  #record: Deno.FsFile;
  #onNotice: (notice: string) => void;
  #results: Deno.FsFile | undefined;
  /** Files of heatmaps and of kept attention, by name. */
  #stores = new Map<string, Deno.FsFile>();
  #unsynced = new Set<string>();
  #isMade = false;
  #isNew = false;
  #isEmpty = true;

  private constructor(path: string, record: Deno.FsFile, onNotice: (notice: string) => void) {
    this.path = path;
    this.#record = record;
    this.#onNotice = onNotice;
  }

  /**
   * Locks a folder for this run, and creates the folder if necessary. The operating system holds
   * the lock, so even a crash of the process releases the lock.
   *
   * @param onNotice Receives one sentence if the file system has no locks. Also receives one
   * sentence from {@linkcode begin} about damaged results that the run computes again.
   * @throws {Error} If another run writes to the folder, or the folder is not writable.
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
   * Checks earlier results as {@linkcode begin} does, but before the whole record is known. Changes
   * no file.
   *
   * @param known The part of the record that is known so far; other facts are not compared.
   * @param earlier How to treat earlier results.
   * @throws {Error} If the folder holds results of another run, or any results while `earlier` is
   * `refuse`.
   * @throws {SyntaxError} If the folder's record is corrupt.
   */
  async admit(known: Pick<RunRecord, "facts" | "shard">, earlier: Earlier): Promise<void> {
    const files = [RESULTS, HEATMAPS, ATTENTION].map((name) => `${this.path}/${name}`);
    if (earlier === "overwrite" || await areBlank(files)) return;
    if (earlier === "refuse") throw this.#holdsResults();
    const text = withoutZeros(await Deno.readTextFile(`${this.path}/${RECORD}`));
    // `begin` reports an empty record.
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
   * Begins the run, or resumes after the last sample with whole results and whole heatmaps.
   * Removes the fragments of later samples that a kill or a power cut left.
   *
   * @param earlier How to treat earlier results.
   * @param onResult Called with each earlier result that stays.
   * @returns Ids of the samples with results that stay.
   * @throws {Error} If the folder holds results of another run, results without a record, or any
   * results while `earlier` is `refuse`.
   * @throws {SyntaxError} If a kill or a power cut cannot explain the damage to the files.
   */
  async begin(
    record: RunRecord,
    earlier: Earlier,
    onResult: (result: SampleResult) => void,
  ): Promise<Set<string>> {
    const stored = await Deno.readTextFile(`${this.path}/${RECORD}`);
    const text = withoutZeros(stored);
    const path = `${this.path}/${RESULTS}`;
    const files = [RESULTS, HEATMAPS, ATTENTION].map((name) => `${this.path}/${name}`);
    const hasResults = !await areBlank(files);
    this.#isNew = text === "" && !hasResults;
    if (earlier === "overwrite") {
      // Controls are about the results that go.
      const controls = [RECORD, RESULTS, HEATMAPS, ATTENTION].map((name) => `controls/${name}`);
      for (const name of [RESULTS, HEATMAPS, ATTENTION, ...SUMMARIES, ...controls]) {
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
    const names = keptOf(record) ? [HEATMAPS, ATTENTION] : [HEATMAPS];
    const stores = await Promise.all(names.map(async (name) => {
      const places = await placesOf(`${this.path}/${name}`);
      return {
        name,
        places,
        whole: new Set(places.map(({ key }) => key)),
        kept: new Set<string>(),
      };
    }));
    const kept = await this.#keep(path, record.variants, earlier === "retry", stores, (result) => {
      done.add(result.id);
      for (const { name, kept } of stores) {
        if (hasHeatmap(result)) kept.add(keyIn(name, result));
      }
      onResult(result);
    });
    // A run without samples is whole at once.
    this.#isEmpty = kept === 0 && record.plan.length > 0;
    for (const { name, places, kept } of stores) {
      // Heatmaps of samples without results are fragments of an interrupted run.
      const size = await this.#keepHeatmaps(name, places, kept);
      this.#stores.set(name, await openAt(`${this.path}/${name}`, size));
    }
    this.#results = await openAt(path, kept);
    return done;
  }

  /**
   * Appends heatmaps. Call before {@linkcode write} with the results of the same samples.
   *
   * @throws {Error} If the file cannot be written, such as on a full disk.
   */
  async writeHeatmaps(
    heatmaps: Iterable<StoredHeatmap> | AsyncIterable<StoredHeatmap>,
  ): Promise<void> {
    await this.#store(HEATMAPS, heatmaps);
  }

  /**
   * Appends attention as {@linkcode writeHeatmaps} does, with one record for each sample.
   *
   * @throws {Error} If the file cannot be written, such as on a full disk.
   */
  async writeAttention(
    kept: Iterable<StoredHeatmap> | AsyncIterable<StoredHeatmap>,
  ): Promise<void> {
    await this.#store(ATTENTION, kept);
  }

  async #store(
    name: string,
    records: Iterable<StoredHeatmap> | AsyncIterable<StoredHeatmap>,
  ): Promise<void> {
    for await (const record of records) {
      await this.#append(this.#stores.get(name)!, name, encodeHeatmap(record));
      this.#unsynced.add(name);
    }
  }

  /**
   * Appends results. The heatmaps are on the disk before their lines, and the lines before this
   * method returns. Each call therefore waits for the disk twice: pass all results of a sample in
   * one call.
   *
   * @throws {Error} If a file cannot be written, such as on a full disk.
   */
  async write(results: readonly SampleResult[]): Promise<void> {
    for (const name of this.#unsynced) await this.#sync(this.#stores.get(name)!, name);
    this.#unsynced.clear();
    const lines = results.map((result) => JSON.stringify(result) + "\n");
    await this.#append(this.#results!, RESULTS, new TextEncoder().encode(lines.join("")));
    await this.#sync(this.#results!, RESULTS);
    if (results.length > 0) this.#isEmpty = false;
  }

  /**
   * Writes the summary of the results.
   *
   * @param tables Texts of the tables, by file name.
   * @throws {Error} If a file cannot be written, such as on a full disk.
   */
  async summarize(summary: object, tables: Readonly<Record<string, string>>): Promise<void> {
    const json = JSON.stringify(summary, null, 2) + "\n";
    for (const [name, text] of Object.entries({ "summary.json": json, ...tables })) {
      await writeWhole(`${this.path}/${name}`, text, { isSynced: true });
    }
    this.#isEmpty = false;
  }

  /** Releases the folder. A new run without results removes the files and the folder it created. */
  async close(): Promise<void> {
    this.#results?.close();
    for (const file of this.#stores.values()) file.close();
    const leftovers = this.#isNew && this.#isEmpty
      ? [RESULTS, ...this.#stores.keys(), RECORD]
      : await this.#record.seek(0, Deno.SeekMode.End) === 0
      ? [RECORD]
      : [];
    for (const name of leftovers) await Deno.remove(`${this.path}/${name}`).catch(() => {});
    this.#record.close();
    // The system refuses to remove a folder with files, so foreign files stay.
    if (this.#isMade && this.#isEmpty) await Deno.remove(this.path).catch(() => {});
  }

  async #writeRecord(text: string): Promise<void> {
    await this.#record.truncate();
    await this.#record.seek(0, Deno.SeekMode.Start);
    await this.#append(this.#record, RECORD, new TextEncoder().encode(text));
    await this.#sync(this.#record, RECORD);
  }

  /** Writes all bytes at the file's current position. */
  async #append(file: Deno.FsFile, name: string, bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    } catch (error) {
      throw this.#unwritten(name, error as Error);
    }
  }

  /** Waits until the disk holds the whole file. */
  async #sync(file: Deno.FsFile, name: string): Promise<void> {
    await file.syncData().catch((error) => {
      throw this.#unwritten(name, error);
    });
  }

  #unwritten(name: string, error: Error): Error {
    return new Error(`Cannot write "${this.path}/${name}": ${error.message}`, { cause: error });
  }

  /**
   * Rewrites a file if heatmaps without a result precede heatmaps with a result.
   *
   * @param places Places of all whole heatmaps in the file.
   * @param missing Keys of the heatmaps with a result; each is whole in the file. The method
   * removes the keys that it finds.
   * @returns Length of the kept heatmaps in bytes; the caller cuts the file there.
   */
  async #keepHeatmaps(
    name: string,
    places: readonly Place[],
    missing: Set<string>,
  ): Promise<number> {
    let kept = 0;
    let isTornInside = false;
    const starts = new Set<number>();
    for (const { key, start, length } of places) {
      if (!missing.delete(key)) continue;
      isTornInside ||= start > kept;
      starts.add(start);
      kept += length;
    }
    if (!isTornInside) return kept;
    // Under `retry` a failed sample loses all results; heatmaps of its other variants leave gaps.
    const path = `${this.path}/${name}`;
    const partial = `${path}.partial`;
    using copy = await Deno.open(partial, { write: true, create: true, truncate: true });
    for await (const { bytes, start } of readHeatmaps(path)) {
      if (starts.has(start)) await this.#append(copy, `${name}.partial`, bytes);
    }
    await this.#sync(copy, `${name}.partial`);
    await Deno.rename(partial, path);
    return kept;
  }

  /**
   * Calls `onResult` with each result that stays, and removes failed samples under `retry`.
   *
   * @param stores Keys of the heatmaps that are whole, by file.
   * @returns Length of the kept lines in bytes; the caller cuts the file there.
   */
  async #keep(
    path: string,
    variants: readonly string[],
    isRetry: boolean,
    stores: readonly { readonly name: string; readonly whole: ReadonlySet<string> }[],
    onResult: (result: SampleResult) => void,
  ): Promise<number> {
    let kept = 0;
    const stay: string[] = [];
    let failures = 0;
    let again = 0;
    let lacking: { readonly id: string; readonly name: string } | undefined;
    const onHole = (notice: string) => this.#onNotice(`${notice} The run goes on before it.`);
    for await (const lines of readSamples(path, variants.length, { onHole })) {
      for (const { result } of lines.filter(({ result }) => hasHeatmap(result))) {
        const torn = stores.find(({ name, whole }) => !whole.has(keyIn(name, result)));
        if (torn) lacking ??= { id: result.id, name: torn.name };
      }
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
        `"${this.path}/${lacking.name}" ends before the heatmap of ${
          quote(lacking.id, 60)
        }, as a ` +
          `power cut leaves it: samples from there on are computed again (${again}).`,
      );
    }
    if (failures === 0) return kept;
    const text = stay.map((line) => `${line}\n`).join("");
    await writeWhole(path, text, { isSynced: true });
    return new TextEncoder().encode(text).length;
  }
}

/** A result with a heatmap or predicted boxes. */
export type HeatmapResult = Extract<SampleResult, { readonly status: "scored" | "grounded" }>;

/** A result is grounded if it has a heatmap or predicted boxes. */
export function isGrounded(result: SampleResult): result is HeatmapResult {
  return result.status === "scored" || result.status === "grounded";
}

/** Whether the run stored a heatmap for a result. */
export function hasHeatmap(result: SampleResult): result is HeatmapResult {
  return isGrounded(result) && !result.predicted;
}

/**
 * Path of a result's image; `undefined` if the result names none, or if the dataset refused the
 * row. The path of a refused row is unchecked, and may be the cause of the refusal.
 */
export function imageOf(result: SampleResult): string | undefined {
  const isRefused = result.status === "failed" && result.stage === "dataset";
  return isRefused ? undefined : result.image;
}

/** Key of a result's record in a file; kept attention serves all settings of a sample. */
function keyIn(name: string, { id, setting }: SampleResult): string {
  return heatmapKey(name === ATTENTION ? { id } : { id, ...(setting && { setting }) });
}

/** Removes the zeros that a power cut may add at the end of a file. */
function withoutZeros(text: string): string {
  return text.replace(/\0+$/, "");
}

/** Whether all files are missing, empty or full of zeros. */
async function areBlank(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) {
    using file = await openIfThere(path);
    for await (const chunk of file?.readable ?? []) {
      if (chunk.some((byte) => byte !== 0)) return false;
    }
  }
  return true;
}

/** Place of a heatmap in `heatmaps.bin`, in bytes. */
interface Place {
  readonly key: string;
  readonly start: number;
  readonly length: number;
}

/** Places of all whole heatmaps in a file, in order. */
async function placesOf(path: string): Promise<Place[]> {
  const places: Place[] = [];
  for await (const { heatmap, bytes, start } of readHeatmaps(path)) {
    places.push({ key: heatmapKey(heatmap), start, length: bytes.length });
  }
  return places;
}

/** Cuts a file to `size` bytes and opens it to append. */
async function openAt(path: string, size: number): Promise<Deno.FsFile> {
  const file = await Deno.open(path, { write: true, create: true });
  await file.truncate(size);
  await file.seek(0, Deno.SeekMode.End);
  return file;
}

/**
 * Reads the record of a run from its folder.
 *
 * @throws {SyntaxError} If the record is corrupt.
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
 * Parses the text of a `run.json`.
 *
 * @param advice End of the error message.
 * @throws {SyntaxError} If the text is no valid record.
 */
function parseRecord(path: string, text: string, advice = ""): RunRecord {
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
    // A record may nest too deeply to compare: `stringify` throws on such a record here.
    JSON.stringify(record);
    if (typeof facts === "object" && facts && isShard && isNamed && plan.every(isSample)) {
      return record;
    }
  } catch {
    // The error below covers every cause.
  }
  throw new SyntaxError(`Cannot read "${path}": it does not say what was run${advice}`);
}

/**
 * Lists the differences between two runs, such as `settings.steps (300, here 50)`; at most 8.
 *
 * @param one A run.
 * @param other The run that the texts call "here".
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

/** Facts that change no result, so that a run may go on with others; the record keeps the first. */
const REMARKS = ["config", "trained"];

/** Collects the values of a tree as JSON, by path; a list counts as one value. */
function leaves(value: unknown, path = "", found = new Map<string, string>()) {
  if (isObject(value)) {
    for (const [name, entry] of Object.entries(value)) {
      if (REMARKS.includes(name)) continue;
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
