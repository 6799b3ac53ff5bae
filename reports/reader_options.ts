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
  /**
   * Called with the number of heatmaps done, and the total. A heatmap that is read several times
   * counts each time; in the report, samples without a heatmap count too. Not awaited.
   *
   * @default {undefined}
   */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Options of the readers of one variant. */
export interface VariantOptions extends ReaderOptions {
  /**
   * Name of the variant or method, if the run has several.
   *
   * @default {The run's first}
   */
  readonly setting?: string;
}
