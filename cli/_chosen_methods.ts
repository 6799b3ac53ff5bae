/**
 * Methods that the options chose, before and after they are open.
 *
 * @module
 */

import type { Dataset, DatasetItem, EvaluateOptions, SampleResult } from "../mod.ts";

/** How samples go through methods. */
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

/** Methods that are ready to run. */
export interface OpenMethods {
  /** Evaluates a dataset. */
  readonly evaluate: (
    items: AsyncIterable<DatasetItem>,
    controls: RunControls,
  ) => AsyncIterable<SampleResult>;
  /** Frees their memory. */
  readonly close: () => Promise<void>;
}

/** Methods that are chosen, and what is to be known of them before they run. */
export interface ChosenMethods {
  /** What results call the variants or methods; one empty name where there is only one. */
  readonly names: readonly string[];
  /** What decides the results, for `run.json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The same with the paths of files, for `summary.json`. */
  readonly sources: Readonly<Record<string, unknown>>;
  /** Versions of what runs them. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Makes them ready, which takes seconds.
   *
   * @param whole Opens all of the dataset, for what is found by the names of its images.
   */
  readonly open: (whole: () => Promise<WholeDataset>) => Promise<OpenMethods>;
}

/** A dataset, and the folder that its images are below. */
export interface WholeDataset {
  /** The dataset without shard and limit. */
  readonly dataset: Dataset;
  /** The folder. */
  readonly root: string;
}
