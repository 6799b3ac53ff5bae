/**
 * Methods that the options choose, before and after they are opened.
 *
 * @module
 */

import type { Dataset, DatasetItem, EvaluateOptions, SampleResult } from "../mod.ts";

/** Settings and callbacks for the evaluation of samples. */
export type RunControls = Required<
  Pick<
    EvaluateOptions,
    | "concurrency"
    | "margin"
    | "protocols"
    | "done"
    | "ending"
    | "onHeatmap"
    | "onProgress"
    | "onNotice"
  >
>;

/** Methods that are loaded and ready to run. */
export interface OpenMethods {
  /** Evaluates a dataset. */
  readonly evaluate: (
    items: AsyncIterable<DatasetItem>,
    controls: RunControls,
  ) => AsyncIterable<SampleResult>;
  /** Frees the memory of the methods. */
  readonly close: () => Promise<void>;
}

/** Chosen methods, and facts about them that are known before they run. */
export interface ChosenMethods {
  /** Names of the variants or methods in the results; a single empty name if there is only one. */
  readonly names: readonly string[];
  /** Facts that decide the results, for `run.json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Facts that include the paths of files; in `summary.json` they override `facts`. */
  readonly sources: Readonly<Record<string, unknown>>;
  /** Versions of the software that runs the methods. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Loads the methods, which takes seconds.
   *
   * @param whole Opens the dataset without shard and limit, to match predictions with its images.
   */
  readonly open: (whole: () => Promise<WholeDataset>) => Promise<OpenMethods>;
}

/** A whole dataset, and the folder that contains its images. */
export interface WholeDataset {
  /** The dataset without shard and limit. */
  readonly dataset: Dataset;
  /** Folder that contains the images, directly or in subfolders. */
  readonly root: string;
}
