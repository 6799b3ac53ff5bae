import { parseJson } from "../base/json.ts";
import { openIfThere } from "../base/open_if_there.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";
import { methodsOf } from "../runs/scoring_settings.ts";
import { controlFolder, hasControls } from "../runs/control_run.ts";
import { type RescoredRun, rescoreRun } from "../runs/rescore_run.ts";
import type { RunRecord } from "../runs/run_folder.ts";
import { resultTruth } from "../runs/result_truth.ts";
import { Run } from "../runs/run.ts";
import { boxIou, type BoxRule } from "../scoring/box_iou.ts";
import { LARGEST } from "../scoring/protocols.ts";
import { SummaryByVariant } from "./tables/summary.ts";
import { scoresOf, summaryEntries, tableFiles } from "./tables/table_files.ts";

/** A number of a run that is not the recomputed number. */
export interface Difference {
  /** File of the run, such as `results.jsonl`. */
  readonly file: string;
  /** Place in the file: sample, setting and key; empty for the text of a table. */
  readonly place: string;
  /** Value in the file as JSON, `undefined` if the file lacks it. */
  readonly stored: string | undefined;
  /** Recomputed value as JSON, `undefined` if the file should lack it. */
  readonly recomputed: string | undefined;
}

/** Outcome of {@linkcode validateRun}. */
export interface Validation {
  readonly samples: number;
  /** Values that were compared. */
  readonly values: number;
  /** Names of the tables that were compared. */
  readonly tables: readonly string[];
  /** Everything that differs, in the order of the run. */
  readonly differences: readonly Difference[];
  /** Largest absolute difference of two numbers; 0 if none differ. */
  readonly largest: number;
  /** Facts worth knowing, such as numbers that cannot be recomputed. */
  readonly notes: readonly string[];
}

/** Options of {@linkcode validateRun}. */
export interface ValidateOptions {
  /**
   * Largest absolute difference of two numbers that counts as none: a run on a GPU differs from its
   * recomputation by rounding.
   * @default 0
   */
  readonly tolerance?: number;
  /** Called after each sample with the number of samples done and of all samples. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Finishes and scores the heatmaps and boxes of a run again, makes the summary and the tables from
 * these scores, and compares everything with the files of the run. Files are not changed.
 *
 * @returns The differences, none if every number comes out again.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Error} If a heatmap or a mask of ground truth cannot be read.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 */
export async function validateRun(
  folder: string,
  { tolerance = 0, onProgress, signal }: ValidateOptions = {},
): Promise<Validation> {
  const rescored = await rescoreRun(folder);
  const { record } = rescored;
  const summary = new SummaryByVariant(record.variants);
  const comparison = new Comparison(tolerance);
  const notes: string[] = [];
  let count = 0;
  let unknown = 0;
  const compareResults = async (
    { record, samples }: RescoredRun,
    file: string,
    onResults: (results: readonly SampleResult[]) => void,
  ) => {
    for await (const { before, results } of samples) {
      signal?.throwIfAborted();
      const all: SampleResult[] = [];
      for (const [i, result] of results.entries()) {
        const stored = before[i]!;
        const boxed = await withBoxScores(result, record, folder);
        if (!boxed) unknown++;
        const again = boxed ?? result;
        const { id, setting } = stored;
        comparison.compare(file, setting ? `${id}, ${setting}` : id, stored, again);
        all.push(again);
      }
      onResults(all);
    }
  };
  await compareResults(rescored, "results.jsonl", (results) => {
    for (const result of results) summary.add(result);
    onProgress?.(++count, record.plan.length);
  });
  if (await hasControls(folder)) {
    const again = await rescoreRun(controlFolder(folder));
    await compareResults(again, "controls/results.jsonl", () => {});
  }
  if (unknown > 0) {
    notes.push(`${unknown} IoUs of boxes need the size of the image, which the run does not keep.`);
  }
  const isWhole = count >= record.plan.length;
  if (!isWhole) notes.push(`The run has ${count} of ${record.plan.length} samples.`);
  using run = await Run.open(folder, "validate");
  const scores = await scoresOf(run, record, summary, isWhole);
  const text = await readText(`${folder}/summary.json`);
  if (text === undefined) notes.push("The run has no summary.json and no tables to compare.");
  else comparison.compareSummary(folder, text, summaryEntries(scores));
  const tables = text === undefined ? {} : tableFiles(scores);
  for (const [name, table] of Object.entries(tables)) {
    comparison.compareText(name, await readText(`${folder}/${name}`), table);
  }
  const { values, differences, largest } = comparison;
  return { samples: count, values, tables: Object.keys(tables), differences, largest, notes };
}

/**
 * A result with the recomputed IoU of its predicted boxes; other results as they are. `undefined` if
 * the IoU depends on the size of the image, which the run does not keep.
 */
async function withBoxScores(
  result: SampleResult,
  record: RunRecord,
  folder: string,
): Promise<SampleResult | undefined> {
  if (result.status !== "scored" || !result.predicted) return result;
  const { predicted, imageSize, masks, boxes, setting } = result;
  if (masks && !imageSize) return undefined;
  const methods = methodsOf(record);
  const { rule } = (setting ? methods[setting] : Object.values(methods)[0]) ?? {};
  const truth = masks ? await resultTruth(result, imageSize!, folder) : boxes;
  const miou = boxIou(predicted, truth, imageSize ?? LARGEST, rule as BoxRule | undefined);
  return miou === result.miou || imageSize ? { ...result, miou } : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  const file = await openIfThere(path);
  return file && await new Response(file.readable).text();
}

/** Compares values, and keeps the differences. */
class Comparison {
  values = 0;
  largest = 0;
  readonly differences: Difference[] = [];
  readonly #tolerance: number;

  constructor(tolerance: number) {
    this.#tolerance = tolerance;
  }

  /** Compares two values key by key, as they would be written in JSON. */
  compare(file: string, place: string, stored: unknown, recomputed: unknown): void {
    if (isNested(stored) && isNested(recomputed)) {
      for (const key of new Set([...Object.keys(stored), ...Object.keys(recomputed)])) {
        // Summaries of earlier versions lack intervals over patients.
        if (key === "patients" && !(key in stored)) continue;
        const inner = place === "" ? key : `${place}, ${key}`;
        this.compare(file, inner, stored[key], recomputed[key]);
      }
      return;
    }
    this.values++;
    const [one, other] = [JSON.stringify(stored), JSON.stringify(recomputed)];
    if (one === other) return;
    if (typeof stored === "number" && typeof recomputed === "number") {
      const difference = Math.abs(stored - recomputed);
      this.largest = Math.max(this.largest, difference);
      if (difference <= this.#tolerance) return;
    }
    this.differences.push({ file, place, stored: one, recomputed: other });
  }

  /** Compares the keys that scores decide; others, such as the duration, are facts of the run. */
  compareSummary(folder: string, text: string, json: object): void {
    const summary = parseJson(text, `"${folder}/summary.json"`);
    const stored = Object.entries(isNested(summary) ? summary : {}).filter(([key]) => key in json);
    this.compare("summary.json", "", Object.fromEntries(stored), json);
  }

  /** Compares a table; with a tolerance its rounded numbers may differ, so that it is left out. */
  compareText(file: string, stored: string | undefined, recomputed: string): void {
    this.values++;
    if (stored === recomputed || this.#tolerance > 0) return;
    const lines = stored?.split("\n") ?? [];
    const again = recomputed.split("\n");
    const at = again.findIndex((line, i) => line !== lines[i]);
    const line = at < 0 ? again.length : at;
    this.differences.push({
      file,
      place: stored === undefined ? "" : `line ${line + 1}`,
      stored: lines[line],
      recomputed: again[line],
    });
  }
}

/** Returns true for an object and for a list. */
function isNested(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
