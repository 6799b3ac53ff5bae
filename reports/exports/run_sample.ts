import type { Truth } from "../../base/region.ts";
import type { DicomReference } from "../../images/dicom/reference.ts";
import type { RunHeatmap } from "../../runs/run.ts";
import type { HeatmapResult } from "../../runs/run_folder.ts";

/** A sample of a run, with its result and heatmap. */
export interface RunSample {
  /** Number of the sample within the run, from 1; samples without a heatmap count too. */
  readonly number: number;
  /** Result of the sample. */
  readonly result: HeatmapResult;
  /**
   * Ground truth: boxes in whole pixels of the image, perhaps none, or the region of masks. Without
   * a format that needs ground truth, masks are not read, and there are no boxes.
   */
  readonly truth: Truth;
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

/** A file of text that gathers all samples. */
export interface RunList {
  /** Path of the file, relative to the output folder. */
  readonly path: string;
  /** Text before the first sample. */
  readonly head: string;
  /** Encodes a sample; the text may be empty. */
  add(sample: RunSample): string;
  /** Encodes a result with predicted boxes and no heatmap; absent if the format needs a heatmap. */
  addBoxes?(result: HeatmapResult): string;
  /** Returns the text after the last sample. */
  end?(): string;
  /** Returns the parts of further files, by their paths relative to the output folder. */
  more?(): Readonly<Record<string, AsyncIterable<string>>>;
}
