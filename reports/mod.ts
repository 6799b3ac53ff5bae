/**
 * Makes tables, pictures and files from results.
 *
 * @module
 */

export * from "./figures/attention_sheet.ts";
export { type ReportOptions, writeReport } from "./html/write_report.ts";
export {
  type ConvertedRun,
  type ConvertOptions,
  convertRun,
  type Written,
} from "./exports/convert_run.ts";
export { EXPORT_FORMATS, type ExportFormat, FORMATS } from "./exports/registry.ts";
export { encodeNifti, type NiftiOptions } from "./exports/nifti.ts";
export { heatmapOnImage, maskOnImage, type PlacedHeatmap } from "./exports/original_pixels.ts";
export { type CompressedRle, encodeRle } from "./exports/rle.ts";
export * from "./exports/npy.ts";
export { type Overlay, renderOverlay } from "./figures/overlay.ts";
export { toPng } from "./figures/png.ts";
export { readResults, type ReadResultsOptions, type ResultLine } from "../runs/read_results.ts";
export type { HeatmapResult, RunRecord } from "../runs/run_folder.ts";
export { drawRun, type Figure, type FigureOptions } from "./figures/run_figures.ts";
export { Run as RunHeatmaps, type RunHeatmap } from "../runs/run.ts";
export type { ScoringSettings } from "../runs/scoring_settings.ts";
export * from "../runs/merge_runs.ts";
export * from "../runs/rescore_run.ts";
export type { Bootstrap, Interval } from "./tables/bootstrap.ts";
export type { TableOptions } from "./tables/result_table.ts";
export type { ProtocolMeans, ProtocolSummary } from "./tables/protocol_summary.ts";
export * from "./tables/summary.ts";
export * from "./tables/table.ts";
export { tableFiles, tableOptions } from "./tables/table_files.ts";
export { type FinishedHeatmap, rescore, type RescoreSettings } from "../runs/rescore.ts";
export type { ReaderOptions, VariantOptions } from "./reader_options.ts";
