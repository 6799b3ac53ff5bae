/**
 * Reads a run for the server, and reads it again if its files change.
 *
 * @module
 */

import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { Size } from "../../base/geometry.ts";
import { oneAtATime } from "../../base/one_at_a_time.ts";
import { printable } from "../../base/text.ts";
import { cropRegion } from "../../images/preprocess.ts";
import { tabulate } from "../../reports/tables/table_files.ts";
import { resultOutline } from "../../runs/result_truth.ts";
import { locateImage } from "../../runs/locate_image.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, isGrounded } from "../../runs/run_folder.ts";
import type { RunOverview, SampleDetail, SampleHeatmap, SampleRow } from "../review_api.ts";
import { sampleRow } from "../sample_row.ts";

/** Most corners of an outline: some 100 KB, less than an X-ray. */
const MAX_CORNERS = 10_000;

/** Contents of a run's files at one time. */
interface Snapshot {
  readonly overview: RunOverview;
  readonly run: Run;
  readonly results: readonly SampleResult[];
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
      if (await this.#snapshot.run.hasChanged()) {
        const next = await read(this.#folder);
        this.#snapshot.run[Symbol.dispose]();
        this.#snapshot = next;
      }
      return this.#snapshot.overview;
    });
  }

  /** Lists the results as rows, in the order of `results.jsonl`. */
  rows(): SampleRow[] {
    return this.#snapshot.results.map(sampleRow);
  }

  /** Finds the file of an image in the results. */
  locate(image: string): Promise<string> {
    return locateImage(this.#folder, image);
  }

  /** Gives a result by its place in the list, from 0; `undefined` if the place is empty. */
  result(index: number): SampleResult | undefined {
    return this.#snapshot.results[index];
  }

  /**
   * Gives a result with the stored source of its heatmap, and the outline of its masks.
   *
   * @param sizeOf Finds the size of the result's image in pixels, if the run stored no heatmap.
   * @throws {SyntaxError} If the result's heatmap cannot be read.
   */
  async detail(result: SampleResult, sizeOf: () => Promise<Size>): Promise<SampleDetail> {
    if (!hasHeatmap(result)) return { result, ...await outlineIn(result, sizeOf, this.#folder) };
    return await this.#alone(async (): Promise<SampleDetail> => {
      const { run } = this.#snapshot;
      const { sigma, otsu } = run.settingsOf(result.setting);
      const { size, image, layers, view } = await run.stored(result);
      const heatmap: SampleHeatmap = {
        ...{ size, image, layers, sigma, otsu },
        crop: cropRegion(image.width, image.height, view),
        isGrid: view !== undefined,
      };
      return {
        result,
        heatmap,
        ...await outlineIn(result, () => Promise.resolve(image), this.#folder),
      };
    });
  }

  /** Closes the heatmaps' file. */
  [Symbol.dispose](): void {
    this.#snapshot.run[Symbol.dispose]();
  }
}

/** Outline of a result's masks, or the reason for its lack. */
async function outlineIn(
  result: SampleResult,
  sizeOf: () => Promise<Size>,
  folder: string,
): Promise<Pick<SampleDetail, "outline" | "fault">> {
  if (!result.masks) return {};
  try {
    // The page enlarges the X-ray, so that half a pixel of it shows.
    const options = { tolerance: 0.5, most: MAX_CORNERS };
    const outline = await resultOutline(result, await sizeOf(), folder, options);
    return outline ? { outline } : {};
  } catch (error) {
    // The reason of a sample that dropped out says it already.
    if (!isGrounded(result)) return {};
    return { fault: `No ground truth: ${printable((error as Error).message, 500)}` };
  }
}

async function read(folder: string): Promise<Snapshot> {
  const run = await Run.open(folder, "show");
  const { facts, variants, plan } = run.record;
  const results: SampleResult[] = [];
  const { done, tables } = await tabulate(run, (result) => results.push(result));
  return {
    ...{ run, results },
    overview: { title: folder, facts, settings: variants, planned: plan.length, done, tables },
  };
}
