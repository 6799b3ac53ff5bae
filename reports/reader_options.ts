/**
 * Options that the readers of a run share.
 *
 * @module
 */

/** Options of every reader. */
export interface ReaderOptions {
  /**
   * Aborts the work between two samples; files that are complete by then stay.
   *
   * @default {undefined}
   */
  readonly signal?: AbortSignal;
  /**
   * Receives one sentence about each omission, such as a sample with a missing image.
   *
   * @default {undefined}
   */
  readonly onNotice?: (notice: string) => void;
}

/** Options of the readers of one variant. */
export interface VariantOptions extends ReaderOptions {
  /**
   * Name of the variant or method, if the run has several.
   *
   * @default {The run's first}
   */
  readonly setting?: string;
  /**
   * Called after each heatmap with the number of heatmaps done, and the total. A heatmap in several
   * figures counts several times. Not awaited.
   *
   * @default {undefined}
   */
  readonly onProgress?: (done: number, total: number) => void;
}
