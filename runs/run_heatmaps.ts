/**
 * Rebuilds the heatmaps of a run from its `heatmaps.bin`.
 *
 * @module
 */

import type { StoredHeatmap } from "../pipeline/evaluate.ts";
import { type Box, toOriginal } from "../base/geometry.ts";
import { type FinishedHeatmap, finishStored } from "./rescore.ts";
import { HeatmapIndex, HEATMAPS } from "./heatmap_file.ts";
import { readRunRecord } from "./run_folder.ts";
import { type RunMethod, runMethod } from "./run_method.ts";

/** A heatmap of a run: `normalised` holds values before Otsu's threshold, `heatmap` after it. */
export interface RunHeatmap extends FinishedHeatmap, StoredHeatmap {
  /** The box around the mask in pixels of the original image; `undefined` without Otsu or mask. */
  readonly originalBox: Box | undefined;
}

/**
 * Rebuilds the heatmaps of a run, sample by sample, without a model.
 *
 * @example Usage
 * ```ts
 * import { RunHeatmaps } from "./run_heatmaps.ts";
 *
 * async function coverage(folder: string, id: string): Promise<number> {
 *   using heatmaps = await RunHeatmaps.open(folder);
 *   const { heatmap } = await heatmaps.get(id);
 *   return heatmap.filter((value) => value > 0).length / heatmap.length;
 * }
 * ```
 */
export class RunHeatmaps {
  /** How the run finished and scored its heatmaps. */
  readonly method: RunMethod;
  readonly #index: HeatmapIndex;

  private constructor(method: RunMethod, index: HeatmapIndex) {
    this.method = method;
    this.#index = index;
  }

  /**
   * Opens the heatmaps of a run.
   *
   * @param folder The run's folder.
   * @throws {Deno.errors.NotFound} If the folder holds no run.
   * @throws {SyntaxError} If the folder's files are corrupt.
   */
  static async open(folder: string): Promise<RunHeatmaps> {
    const record = await readRunRecord(folder);
    const method = runMethod(folder, record);
    return new RunHeatmaps(method, await HeatmapIndex.open(`${folder}/${HEATMAPS}`));
  }

  /**
   * Whether the run stored a heatmap of a sample. Failed and skipped samples have none. A method
   * that predicts boxes stores none either.
   *
   * @param id The sample's id.
   * @param setting Name of the variant; left out if the run has one.
   */
  has(id: string, setting?: string): boolean {
    return this.#index.has(naming(id, setting));
  }

  /**
   * Rebuilds one heatmap.
   *
   * @param id The sample's id.
   * @param setting Name of the variant; left out if the run has one.
   * @throws {RangeError} If the run has no such heatmap.
   */
  async get(id: string, setting?: string): Promise<RunHeatmap> {
    const stored = await this.#index.get(naming(id, setting));
    const { sigma, otsu } = this.method;
    const made = finishStored(stored, { sigma, otsu: otsu.get(setting ?? "")! });
    const originalBox = made.box && toOriginal(made.box, stored.size, made.crop);
    return { ...stored, ...made, originalBox };
  }

  /** Closes `heatmaps.bin`. */
  [Symbol.dispose](): void {
    this.#index[Symbol.dispose]();
  }
}

function naming(id: string, setting: string | undefined) {
  return { id, ...(setting && { setting }) };
}
