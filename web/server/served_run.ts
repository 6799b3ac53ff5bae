/**
 * Reads a run for the server, and reads it again if its files change.
 *
 * @module
 */

import { quote } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { cropRegion } from "../../images/preprocess.ts";
import { HeatmapIndex, HEATMAPS } from "../../runs/heatmap_file.ts";
import { hasProtocols, makeProtocolTable } from "../../reports/tables/protocol_table.ts";
import { readResults } from "../../runs/read_results.ts";
import { requireBoxes } from "../../runs/rescore_run.ts";
import { makeTable } from "../../reports/tables/result_table.ts";
import { hasHeatmap, readRunRecord, RECORD, RESULTS } from "../../runs/run_folder.ts";
import { type RunMethod, runMethod } from "../../runs/run_method.ts";
import { AblationSummary } from "../../reports/tables/summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { tableOptions } from "../../reports/tables/table_files.ts";
import type { RunOverview, SampleDetail, SampleHeatmap, SampleRow } from "../results.ts";
import { oneAtATime } from "./one_at_a_time.ts";

/** Contents of a run's files at one time. */
interface Snapshot {
  /** Sizes and modification times of the files; a difference means that the run went on. */
  readonly state: string;
  readonly overview: RunOverview;
  readonly method: RunMethod;
  readonly results: readonly SampleResult[];
  readonly heatmaps: HeatmapIndex;
}

/** A run that may still be in progress. */
export class ServedRun {
  readonly #folder: string;
  #snapshot: Snapshot;
  /** Runs one access to the heatmaps' file at a time, so that no read meets a closed file. */
  readonly #alone = oneAtATime();

  private constructor(folder: string, snapshot: Snapshot) {
    this.#folder = folder;
    this.#snapshot = snapshot;
  }

  /**
   * Reads a run.
   *
   * @param folder The run's folder.
   * @throws {Deno.errors.NotFound} If the folder holds no run.
   * @throws {SyntaxError} If the run's files are corrupt.
   */
  static async open(folder: string): Promise<ServedRun> {
    return new ServedRun(folder, await read(folder));
  }

  /** Gives the run's facts and tables; reads the run again if its files changed. */
  overview(): Promise<RunOverview> {
    return this.#alone(async () => {
      if (await stateOf(this.#folder) !== this.#snapshot.state) {
        const next = await read(this.#folder);
        this.#snapshot.heatmaps[Symbol.dispose]();
        this.#snapshot = next;
      }
      return this.#snapshot.overview;
    });
  }

  /** Lists the results as rows, in the order of `results.jsonl`. */
  rows(): SampleRow[] {
    return this.#snapshot.results.map((result, index): SampleRow => {
      const { id, status, phrase, category, setting } = result;
      return {
        ...{ index, id, status },
        ...(phrase && { phrase }),
        ...(category && { category }),
        ...(setting && { setting }),
        ...("reason" in result && { reason: result.reason }),
        ...(status === "scored" && Object.fromEntries(SCORES.map((name) => [name, result[name]]))),
      };
    });
  }

  /** Gives a result by its place in the list, from 0; `undefined` if the place is empty. */
  result(index: number): SampleResult | undefined {
    return this.#snapshot.results[index];
  }

  /**
   * Gives a result with the stored source of its heatmap.
   *
   * @throws {SyntaxError} If the result's boxes or its heatmap cannot be read.
   */
  async detail(result: SampleResult): Promise<SampleDetail> {
    if (!hasHeatmap(result)) return { result };
    try {
      requireBoxes(result.boxes);
    } catch (error) {
      throw new SyntaxError(`Cannot show ${quote(result.id, 60)}: ${(error as Error).message}`);
    }
    return await this.#alone(async () => {
      const { heatmaps, method: { sigma, otsu } } = this.#snapshot;
      const { size, image, layers, view } = await heatmaps.get(result);
      const heatmap: SampleHeatmap = {
        ...{ size, image, layers, sigma },
        crop: cropRegion(image.width, image.height, view),
        isGrid: view !== undefined,
        otsu: otsu.get(result.setting ?? "")!,
      };
      return { result, heatmap };
    });
  }

  /** Closes the heatmaps' file. */
  [Symbol.dispose](): void {
    this.#snapshot.heatmaps[Symbol.dispose]();
  }
}

async function stateOf(folder: string): Promise<string> {
  const files = await Promise.all(
    [RECORD, RESULTS, HEATMAPS].map((name) =>
      Deno.stat(`${folder}/${name}`).then(
        ({ size, mtime }) => `${size} ${mtime?.getTime()}`,
        () => "none",
      )
    ),
  );
  return files.join();
}

async function read(folder: string): Promise<Snapshot> {
  // Take the state first: files written during the read then differ at the next check.
  const state = await stateOf(folder);
  const record = await readRunRecord(folder);
  const { facts, variants, plan } = record;
  const method = runMethod(folder, record);
  const summary = new AblationSummary(variants);
  const results: SampleResult[] = [];
  const ids = new Set<string>();
  for await (const { result } of readResults(`${folder}/${RESULTS}`)) {
    const { id, setting } = result;
    if (hasHeatmap(result) ? !variants.includes(setting ?? "") : setting !== undefined) {
      throw new SyntaxError(
        `Cannot read "${folder}/${RESULTS}": ${quote(id, 60)} has a setting that the run has not`,
      );
    }
    results.push(result);
    ids.add(id);
    summary.add(result);
  }
  const summaries = summary.toJSON();
  const options = tableOptions(record, ids.size >= plan.length);
  return {
    ...{ state, method, results },
    overview: {
      ...{ title: folder, facts, settings: variants, planned: plan.length, done: ids.size },
      tables: [
        makeTable(summaries, options),
        ...(hasProtocols(summaries) ? [makeProtocolTable(summaries, options)] : []),
      ],
    },
    heatmaps: await HeatmapIndex.open(`${folder}/${HEATMAPS}`),
  };
}
