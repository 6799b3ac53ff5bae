/**
 * What the formats of an export are given of a sample.
 *
 * @module
 */

import type { Box } from "../../base/geometry.ts";
import type { DicomReference } from "../../images/dicom/reference.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { RunHeatmap } from "../../runs/run_heatmaps.ts";

/** A result with a heatmap. */
export type HeatmapResult = Extract<SampleResult, { readonly status: "scored" | "grounded" }>;

/** A sample of a run. */
export interface RunSample {
  /** Its place among the samples of the run, from 1. */
  readonly number: number;
  /** Its result. */
  readonly result: HeatmapResult;
  /** Its ground truth in whole pixels of its image; may be empty. */
  readonly boxes: readonly Box[];
  /** Its heatmap. */
  readonly heatmap: RunHeatmap;
  /** What pixels have in arrays that the heatmap does not cover: NaN or 0. */
  readonly outside: number;
  /** What tells this run's exports from others'. */
  readonly run: string;
  /**
   * What its image says where that is a DICOM file; `undefined` where it is not, or the
   * results name no image.
   *
   * @throws {Error} If it cannot be read, or is not the image that was grounded.
   */
  readonly source: () => Promise<DicomReference | undefined>;
}

/** A format that gathers all samples in one file or a few. */
export interface RunList {
  /** Takes in a sample. */
  add(sample: RunSample): Promise<void>;
  /** Ends its files, and gives their names below the folder of the export. */
  finish(): Promise<string[]>;
  /** Removes what was not finished. */
  [Symbol.asyncDispose](): Promise<void>;
}
