import { printable } from "../../base/text.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { describeCounts, type ResultTable } from "../../reports/tables/result_table.ts";
import { Run } from "../../runs/run.ts";
import { hasHeatmap, imageOf, REPORT } from "../../runs/run_folder.ts";
import type { ReaderOptions } from "../../reports/reader_options.ts";
import { type Controls, readControls } from "../../reports/controls/controls.ts";
import { type Laterality, readLaterality } from "../../reports/laterality/laterality.ts";
import { tabulate } from "../../reports/tables/table_files.ts";
import { formatHtml, safe } from "../../reports/tables/table_html.ts";
import { factsHtml, runName } from "./_facts.ts";
import { writeReview } from "./_page.ts";

/** Options of {@linkcode writeReport}. */
export interface ReportOptions extends ReaderOptions {
  /**
   * Path of the page.
   *
   * @default {"report.html" in the run's folder}
   */
  readonly out?: string;
}

/**
 * Writes a run as one HTML page: tables, settings, and every sample with its X-ray, heatmap, ground
 * truth and scores. The page loads nothing from a network. Memory holds one X-ray at a time, since
 * the page is written in parts. Equal runs give equal bytes.
 *
 * @param folder Folder of a finished or interrupted run; images are read from the paths in its
 * results.
 * @param options Path of the page, and callbacks.
 * @returns Path of the page.
 * @throws {SyntaxError} If the folder's files are corrupt.
 * @throws {Deno.errors.NotFound} If the folder holds no run.
 * @throws {Error} If the file cannot be written.
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<string> {
  return await writeRunReport(folder, options);
}

/**
 * Writes a page as {@linkcode writeReport} does.
 *
 * @param known Laterality and controls of the run, if the caller has read them already.
 * @param more Further tables for the page, below the scores.
 */
export async function writeRunReport(
  folder: string,
  options: ReportOptions,
  known?: { readonly laterality: Laterality; readonly controls: Controls | undefined },
  more: readonly ResultTable[] = [],
): Promise<string> {
  const { out = `${folder}/${REPORT}`, onProgress, signal } = options;
  using run = await Run.open(folder, "show");
  const { record } = run;
  const images = new Set<string>();
  const lacking: SampleResult[] = [];
  let [found, judged] = [0, 0];
  const { done, summary, tables } = await tabulate(run, (result) => {
    found++;
    const image = imageOf(result);
    if (image) images.add(image);
    if (hasHeatmap(result) && !run.has(result.id, result.setting)) lacking.push(result);
  }, {
    laterality: async () =>
      known?.laterality ?? await readLaterality(run, (done, total) => {
        signal?.throwIfAborted();
        judged = total;
        onProgress?.(done, total + found);
      }),
    controls: async () =>
      known ? known.controls : await readControls(run, () => signal?.throwIfAborted()),
  });
  const missing = run.missing(lacking);
  const title = `${runName(record)}: ${done} of ${record.plan.length} samples on ${images.size} ` +
    `X-rays, ${describeCounts(summary)}`;
  await writeReview(out, {
    title,
    name: `Groundray report: ${runName(record)}`,
    methods: record.variants.map((name) => printable(name, 2000)),
    tables: [`<h2>${safe(title)}</h2>\n`, ...[...tables, ...more].map(formatHtml)],
    settings: factsHtml(record),
    notices: missing ? [missing.message] : [],
    samples: () => run.samples(),
    runOf: () => run,
  }, {
    ...options,
    onProgress: (n) => onProgress?.(judged + n, judged + found),
  });
  return out;
}
