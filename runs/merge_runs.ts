import { printable } from "../base/text.ts";
import type { SampleResult, StoredHeatmap } from "../pipeline/evaluate.ts";
import { controlFolder, hasControls } from "./control_run.ts";
import { Run } from "./run.ts";
import { differences, hasHeatmap, keptOf, type RunRecord } from "./run_folder.ts";

/** The merged run. */
export interface MergedRuns {
  /** Record of the whole run, without a shard. */
  readonly record: RunRecord;
  /** All results, in the dataset's order. */
  readonly results: readonly SampleResult[];
  /** Stored heatmaps of the results, in the same order; each is read when iteration reaches it. */
  readonly heatmaps: AsyncIterable<StoredHeatmap>;
  /** Kept attention of the samples in the same order; empty if the run keeps none. */
  readonly kept: AsyncIterable<StoredHeatmap>;
}

/** Most names that a message lists; the message counts the others. */
const SHOWN = 10;

/**
 * Merges the folders of all shards of one run. Each shard must be complete.
 *
 * @param folders The shards' folders, in any order.
 * @throws {RangeError} If there is no folder, or the runs differ in more than the shard.
 * @throws {RangeError} If a shard or a sample is missing or present twice.
 * @throws {SyntaxError} If a folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If a folder holds no run.
 */
export async function mergeRuns(folders: readonly string[]): Promise<MergedRuns> {
  const runs = await Array.fromAsync(folders, (folder) => Run.open(folder, "merge"));
  const [first, ...others] = runs;
  if (!first) throw new RangeError("Cannot merge no runs: expected their folders");
  for (const { folder, record } of others) {
    const different = differences(withoutShard(record), withoutShard(first.record));
    if (different.length > 0) {
      throw new RangeError(
        `Cannot merge "${folder}": its run differs from that of "${first.folder}" in ` +
          different.join(", "),
      );
    }
  }
  requireShards(runs);
  const where = quoted(runs);
  const results: SampleResult[] = [];
  const twice = new Set<string>();
  const missing: string[] = [];
  const seen = new Set<string>();
  const runOf = new Map<SampleResult, Run>();
  for (const run of runs) {
    const { folder, record } = run;
    const positions = new Map<number, number>();
    for await (const result of run.results()) {
      const { id, index, setting } = result;
      const key = JSON.stringify([index, id, setting ?? ""]);
      if (seen.has(key)) twice.add(printable(id, 60));
      seen.add(key);
      if (index === undefined) throw run.fault(result, "expected its position in the dataset");
      // A sample that dropped out as a whole has one line for all variants.
      const count = setting === undefined ? record.variants.length : 1;
      positions.set(index, (positions.get(index) ?? 0) + count);
      results.push(result);
      if (!hasHeatmap(result)) continue;
      const fault = run.missing([result]);
      if (fault) throw fault;
      runOf.set(result, run);
    }
    for (const { id, index } of record.plan) {
      if ((positions.get(index) ?? 0) < record.variants.length) {
        missing.push(`${printable(id, 60)} (${folder})`);
      }
    }
  }
  if (twice.size > 0) {
    throw new RangeError(
      `Cannot merge ${where}: there is more than one result of ${list([...twice])}`,
    );
  }
  if (missing.length > 0) {
    throw new RangeError(
      `Cannot merge ${where}: there is no result of ${list(missing)}; the same eval of a shard, ` +
        "with its folder as --out, goes on",
    );
  }
  results.sort((a, b) => a.index! - b.index!);
  const plan = runs.flatMap(({ record }) => record.plan).sort((a, b) => a.index - b.index);
  return {
    record: { ...withoutShard(first.record), plan },
    results,
    heatmaps: heatmapsOf(results, runOf),
    kept: keptOfAll(results, runOf),
  };
}

/**
 * Merges the controls of all shards; `undefined` if no shard has controls.
 *
 * @param folders The shards' folders, in any order.
 * @throws {RangeError} If only some shards have controls, and as {@linkcode mergeRuns}.
 * @throws {SyntaxError} If a folder's files are corrupt.
 */
export async function mergeControls(folders: readonly string[]): Promise<MergedRuns | undefined> {
  const have = await Promise.all(folders.map(hasControls));
  if (!have.includes(true)) return undefined;
  const lacking = folders[have.indexOf(false)];
  if (lacking === undefined) return await mergeRuns(folders.map(controlFolder));
  throw new RangeError(
    `Cannot merge: "${folders[have.indexOf(true)]}" has controls and "${lacking}" has none; the ` +
      "same eval of its shard with --controls, with its folder as --out, adds them",
  );
}

/** Reads the stored heatmap of each result, and closes the runs at the end. */
async function* heatmapsOf(
  results: readonly SampleResult[],
  runOf: ReadonlyMap<SampleResult, Run>,
): AsyncIterableIterator<StoredHeatmap> {
  using opened = new DisposableStack();
  for (const run of new Set(runOf.values())) opened.use(run);
  for (const result of results) {
    const run = runOf.get(result);
    if (run) yield await run.stored(result);
  }
}

/** Reads the kept attention of each sample once. */
async function* keptOfAll(
  results: readonly SampleResult[],
  runOf: ReadonlyMap<SampleResult, Run>,
): AsyncIterableIterator<StoredHeatmap> {
  let last: string | undefined;
  for (const result of results) {
    const run = runOf.get(result);
    if (!run || !keptOf(run.record) || result.id === last) continue;
    last = result.id;
    yield await run.kept(result);
  }
}

function withoutShard({ facts, variants, plan }: RunRecord): RunRecord {
  return { facts, variants, plan };
}

/** Requires each shard of one division exactly once; throws a `RangeError` otherwise. */
function requireShards(runs: readonly Run[]): void {
  const counts = new Set(runs.map(({ record }) => record.shard?.count ?? 1));
  if (counts.size > 1) {
    throw new RangeError(
      `Cannot merge: expected shards of one division, found some of ${
        [...counts].join(" and of ")
      }`,
    );
  }
  const [count] = counts;
  const folders = Map.groupBy(runs, ({ record }) => record.shard?.number ?? 1);
  for (const [number, owners] of folders) {
    if (owners.length === 1) continue;
    throw new RangeError(
      `Cannot merge: shard ${number} of ${count} is in ${quoted(owners)}`,
    );
  }
  const numbers = Array.from({ length: count! }, (_, i) => i + 1);
  const absent = numbers.filter((number) => !folders.has(number));
  if (absent.length > 0) {
    throw new RangeError(
      `Cannot merge ${quoted(runs)}: of ${count} shards, missing: ${list(absent.map(String))}`,
    );
  }
}

function quoted(runs: readonly Run[]): string {
  return list(runs.map(({ folder }) => `"${folder}"`));
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(", ");
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}
