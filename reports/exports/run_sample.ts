/**
 * The data of a sample that the formats of an export use.
 *
 * @module
 */

import type { Box } from "../../base/geometry.ts";
import type { DicomReference } from "../../images/dicom/reference.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { RunHeatmap } from "../../runs/run_heatmaps.ts";

export type HeatmapResult = Extract<SampleResult, { readonly status: "scored" | "grounded" }>;

/** A sample of a run, with its result and heatmap. */
export interface RunSample {
  /** Number of the sample within the run, from 1; samples without a heatmap count too. */
  readonly number: number;
  /** Result of the sample. */
  readonly result: HeatmapResult;
  /** Ground truth in whole pixels of the image; may be empty. */
  readonly boxes: readonly Box[];
  /** Heatmap of the sample. */
  readonly heatmap: RunHeatmap;
  /** Value of pixels outside the heatmap in arrays: NaN or 0. */
  readonly outside: number;
  /** JSON of the run's facts and the setting; exports of other runs have another text. */
  readonly run: string;
  /**
   * Reads the attributes of a DICOM image. The result is `undefined` if the image is no DICOM file,
   * or the results name no image.
   *
   * @throws {Error} If the image is not readable, or has another size than the grounded image.
   */
  readonly source: () => Promise<DicomReference | undefined>;
}

/** A format that gathers all samples in one or two files. */
export interface RunList {
  add(sample: RunSample): Promise<void>;
  /** Completes the files, and returns their paths relative to the output folder. */
  finish(): Promise<string[]>;
  /** Removes unfinished files. */
  [Symbol.asyncDispose](): Promise<void>;
}
