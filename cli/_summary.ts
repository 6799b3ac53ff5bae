/**
 * Summaries on the terminal.
 *
 * @module
 */

import { EXIT } from "./_exit.ts";
import { HEATMAPS } from "../reports/heatmap_file.ts";
import { RECORD, RESULTS, type RunFolder, type RunRecord } from "../reports/run_folder.ts";
import type { AblationSummary, Summary } from "../reports/summary.ts";
import { tableFiles, tableOptions } from "../reports/table_files.ts";
import { describeCounts, type TableOptions } from "../reports/result_table.ts";
import { hasProtocols } from "../reports/protocol_table.ts";
import { formatAblation, formatIntervals, formatProtocols, formatTable } from "../reports/table.ts";

/**
 * Writes and prints what results come to that were not computed here but put
 * together, and gives the exit code.
 *
 * @param more What the summary says besides.
 * @param isWhole Whether no sample is missing.
 */
export async function conclude(
  folder: RunFolder,
  record: RunRecord,
  summary: AblationSummary,
  more: object,
  isWhole = true,
): Promise<number> {
  const ablation = summary.toJSON();
  const all = Object.values(ablation);
  const json = { ...record.facts, ...more, ...(all.length > 1 ? { ablation } : all[0]!) };
  const options = tableOptions(record, isWhole);
  const tables = tableFiles(ablation, options);
  await folder.summarise(json, tables);
  printSummaries(ablation, options);
  const files = [RESULTS, HEATMAPS, "summary.json", ...Object.keys(tables), RECORD];
  console.log(`Results: ${files.map((name) => `${folder.path}/${name}`).join(", ")}`);
  return all.some(({ counts }) => counts.failed > 0) ? EXIT.failures : EXIT.ok;
}

/** Whether two paths are plainly those of one folder. */
export function isSameFolder(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}

/** Prints the table of a run, or of its variants, and what became of its samples. */
export function printSummaries(
  ablation: Readonly<Record<string, Summary>>,
  { published }: TableOptions,
): void {
  const [summary, ...others] = Object.values(ablation) as [Summary, ...Summary[]];
  if (others.length > 0) console.log(formatAblation(ablation, published));
  else console.log(`${formatTable(summary, published)}\n${formatIntervals(summary)}`.trimEnd());
  if (hasProtocols(ablation)) console.log(`\n${formatProtocols(ablation)}`);
  console.log(`\n${describeCounts(summary)}.`);
  for (const { status, stage, reason, count, example } of summary.reasons) {
    console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
  }
}
