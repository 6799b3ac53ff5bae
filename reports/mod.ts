/**
 * Tables, pictures and files of results.
 *
 * @module
 */

export * from "./attention_sheet.ts";
export { type ReportOptions, writeReport } from "./html/write_report.ts";
export {
  type ConvertedRun,
  type ConvertOptions,
  convertRun,
  EXPORT_FORMATS,
  type ExportFormat,
  type Written,
} from "./exports/convert_run.ts";
export { encodeNifti, type NiftiOptions } from "./exports/nifti.ts";
export { heatmapOnImage, maskOnImage, type PlacedHeatmap } from "./exports/original_pixels.ts";
export { type CompressedRle, encodeRle } from "./exports/rle.ts";
export * from "./npy.ts";
export { type Overlay, renderOverlay } from "./overlay.ts";
export { toPng } from "./png.ts";
export { readResults, type ResultLine } from "./read_results.ts";
export type { RunRecord } from "./run_folder.ts";
export { drawRun, type Figure, type FigureOptions } from "./run_figures.ts";
export { type RunHeatmap, RunHeatmaps } from "./run_heatmaps.ts";
export type { RunMethod } from "./run_method.ts";
export * from "./merge_runs.ts";
export * from "./rescore_run.ts";
export type { Bootstrap, Interval } from "./bootstrap.ts";
export type { TableOptions } from "./result_table.ts";
export type { ProtocolMeans, ProtocolSummary } from "./protocol_summary.ts";
export * from "./summary.ts";
export * from "./table.ts";
export { tableFiles, tableOptions } from "./table_files.ts";
