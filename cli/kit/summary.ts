/**
 * Summaries on the terminal.
 *
 * @module
 */

import { EXIT } from "./exit.ts";
import { HEATMAPS } from "../../runs/heatmap_file.ts";
import { RECORD, RESULTS, type RunFolder, type RunRecord } from "../../runs/run_folder.ts";
import type { AblationSummary, Summary } from "../../reports/tables/summary.ts";
import { tableFiles, tableOptions } from "../../reports/tables/table_files.ts";
import { describeCounts, type TableOptions } from "../../reports/tables/result_table.ts";
import { hasProtocols } from "../../reports/tables/protocol_table.ts";
import { formatIntervals, formatProtocols, formatResults } from "../../reports/tables/table.ts";

/** What {@linkcode writeSummary} wrote. */
export interface WrittenSummary {
  /** The summaries by the names of the variants. */
  readonly ablation: Readonly<Record<string, Summary>>;
  /** What the tables show besides. */
  readonly options: TableOptions;
  /** The folder. */
  readonly folder: string;
  /** Names of the files in it that hold results. */
  readonly files: readonly string[];
}

/**
 * Writes what results come to.
 *
 * @param more What the summary says besides, and in place of the record's facts.
 * @param isWhole Whether no sample is missing.
 */
export async function writeSummary(
  folder: RunFolder,
  record: RunRecord,
  summary: AblationSummary,
  more: object,
  isWhole: boolean,
): Promise<WrittenSummary> {
  const ablation = summary.toJSON();
  const all = Object.values(ablation);
  // One variant is the run itself.
  const json = { ...record.facts, ...more, ...(all.length > 1 ? { ablation } : all[0]!) };
  const options = tableOptions(record, isWhole);
  const tables = tableFiles(ablation, options);
  await folder.summarise(json, tables);
  const files = [RESULTS, HEATMAPS, "summary.json", ...Object.keys(tables)];
  return { ablation, options, folder: folder.path, files };
}

/** Prints what results come to, and in which folder they are; gives the exit code. */
export function printSummary({ ablation, options, folder }: WrittenSummary): number {
  printTables(ablation, options);
  console.log(`Results: ${folder}`);
  const hasFailures = Object.values(ablation).some(({ counts }) => counts.failed > 0);
  return hasFailures ? EXIT.failures : EXIT.ok;
}

/** Prints what else is in the folder. */
export function printFiles({ files }: Pick<WrittenSummary, "files">): void {
  console.log(`Files: ${files.join(", ")}`);
}

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
  const written = await writeSummary(folder, record, summary, more, isWhole);
  const code = printSummary(written);
  console.log(`As a page: deno task report ${folder.path}`);
  printFiles({ files: [...written.files, RECORD] });
  return code;
}

/** Whether two paths are plainly those of one folder. */
export function isSameFolder(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}

/** Characters a line has room for: as many as there are, where a file or a program reads them. */
function stdoutColumns(): number {
  try {
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  } catch {
    return Infinity; // A terminal that does not tell.
  }
}

/** Prints the table of a run, or of its variants, and what became of its samples. */
function printTables(ablation: Readonly<Record<string, Summary>>, options: TableOptions): void {
  const [summary, ...others] = Object.values(ablation) as [Summary, ...Summary[]];
  const intervals = others.length > 0 ? "" : formatIntervals(summary);
  const width = stdoutColumns();
  console.log(`${formatResults(ablation, options, width)}\n${intervals}`.trimEnd());
  if (options.methods) console.log(options.notes?.join("\n"));
  if (hasProtocols(ablation)) console.log(`\n${formatProtocols(ablation, options, width)}`);
  console.log();
  // Settings are of the same samples; what methods see of them differs.
  if (!options.methods || others.length === 0) return printCounts("", summary);
  for (const [name, summary] of Object.entries(ablation)) {
    printCounts(`${options.methods[name] ?? name}: `, summary);
  }
}

/** Prints how many samples came to what, and why. */
function printCounts(prefix: string, summary: Summary): void {
  console.log(`${prefix}${describeCounts(summary)}.`);
  for (const { status, stage, reason, count, example } of summary.reasons) {
    console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
  }
}
