import type { ResultRecord } from "../../reports/result_json.ts";
import type { SampleHeatmap, SampleRow } from "../review_api.ts";
import type { Shown } from "../viewer/shown.ts";

/** A run, or runs side by side, before any picture is read. */
export interface SourceOverview {
  /** Title of the review, such as the run's folder. */
  readonly title: string;
  /** Names of methods, settings or runs that stand side by side; one empty name if there is one. */
  readonly methods: readonly string[];
  /** Results in the run's order. */
  readonly rows: readonly SampleRow[];
  /** Whether the samples that differ most come first. */
  readonly isComparison?: boolean;
}

/** A result ready to show. */
export interface LoadedResult {
  readonly shown: Shown;
  /** Model, versions and run of the heatmap, for exports. */
  readonly record: ResultRecord;
  /** The run's Gaussian and threshold; `undefined` without a heatmap. */
  readonly finish: Pick<SampleHeatmap, "sigma" | "otsu"> | undefined;
  /** Further facts of the result by name, for the details. */
  readonly facts: readonly (readonly [name: string, text: string])[];
}

/** Reads a run for a review, from the server or from the report's own file. */
export interface RunSource {
  /** Reads the list, and shows tables and settings where the page lacks them. */
  open(): Promise<SourceOverview>;
  /**
   * Reads a result.
   *
   * @param row The result in the list.
   * @param ahead Results that the user is likely to choose next.
   * @throws {Error} If the result's X-ray or heatmap cannot be read.
   */
  load(row: SampleRow, ahead: readonly SampleRow[]): Promise<LoadedResult>;
  /** Makes an address that opens the same page with the given fragment. */
  linkTo(fragment: string): string;
}
