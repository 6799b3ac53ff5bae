import { asCalled } from "../groundray/call.ts";
import { EXIT } from "./exit.ts";
import { ATTENTION, HEATMAPS } from "../../runs/heatmap_file.ts";
import { keptOf, RECORD, RESULTS, type RunFolder, type RunRecord } from "../../runs/run_folder.ts";
import type { Summary, SummaryByVariant } from "../../reports/tables/summary.ts";
import {
  type RunScores,
  scoresOf,
  summaryEntries,
  tableFiles,
} from "../../reports/tables/table_files.ts";
import { describeCounts, makeTable } from "../../reports/tables/result_table.ts";
import {
  describeGaps,
  hasProtocols,
  makeProtocolTable,
} from "../../reports/tables/protocol_table.ts";
import { formatIntervals, formatTable, withIntervals } from "../../reports/tables/table.ts";
import { readControls } from "../../reports/controls/controls.ts";
import { makeControlTables } from "../../reports/controls/controls_table.ts";
import { readLaterality } from "../../reports/laterality/laterality.ts";
import {
  formatLateralityIntervals,
  hasLaterality,
  makeLateralityTable,
} from "../../reports/laterality/laterality_table.ts";
import { Run } from "../../runs/run.ts";
import { Progress, type ProgressKind } from "./progress.ts";

/** Scores and files that {@linkcode writeSummary} wrote. */
export interface WrittenSummary extends RunScores {
  readonly folder: string;
  /** Names of the files in the folder that hold results. */
  readonly files: readonly string[];
}

/**
 * Writes the summary and the tables of a run.
 *
 * @param more Further entries of the summary; they override the record's facts.
 * @param isWhole Whether the run has all samples.
 * @param kind Way to show the progress of the laterality, which reads heatmaps and masks again.
 */
export async function writeSummary(
  folder: RunFolder,
  record: RunRecord,
  summary: SummaryByVariant,
  more: object,
  isWhole: boolean,
  kind: ProgressKind,
): Promise<WrittenSummary> {
  using run = await Run.open(folder.path, "summarise");
  const progress = new Progress(kind, undefined, "heatmaps");
  const follow = (text: (total: number) => string) => (done: number, total: number) => {
    if (done === 0) progress.say(text(total));
    progress.follow(done, total);
  };
  const scores = await scoresOf(run, record, summary, isWhole, {
    laterality: () =>
      readLaterality(run, follow((total) => `Reading ${total} heatmaps again for the laterality.`)),
    controls: () => readControls(run, follow(() => "Reading the heatmaps again for the controls.")),
  });
  progress.clear();
  const tables = tableFiles(scores);
  await folder.summarize({ ...record.facts, ...more, ...summaryEntries(scores) }, tables);
  const stores = [...(run.isEmpty ? [] : [HEATMAPS]), ...(keptOf(record) ? [ATTENTION] : [])];
  const files = [RESULTS, ...stores, "summary.json", ...Object.keys(tables)];
  return { ...scores, folder: folder.path, files };
}

/** Prints the tables and the folder of the results; returns the exit code. */
export function printSummary(written: WrittenSummary): number {
  const { ablation, folder } = written;
  printTables(written);
  console.log(`Results: ${folder}`);
  const hasFailures = Object.values(ablation).some(({ counts }) => counts.failed > 0);
  return hasFailures ? EXIT.failures : EXIT.ok;
}

/** Prints the names of the files in the folder. */
export function printFiles({ files }: Pick<WrittenSummary, "files">): void {
  console.log(`Files: ${files.join(", ")}`);
}

/**
 * Writes and prints the summary of a run that was merged or rescored; returns the exit code.
 *
 * @param more Further entries of the summary; they override the record's facts.
 * @param isWhole Whether the run has all samples.
 */
export async function conclude(
  folder: RunFolder,
  record: RunRecord,
  summary: SummaryByVariant,
  more: object,
  kind: ProgressKind,
  isWhole = true,
): Promise<number> {
  const written = await writeSummary(folder, record, summary, more, isWhole, kind);
  const code = printSummary(written);
  console.log(`As a page: ${asCalled("deno task report")} ${folder.path}`);
  printFiles({ files: [...written.files, RECORD] });
  return code;
}

/** Width of a line on stdout in characters; infinite if a file or a program reads stdout. */
function stdoutColumns(): number {
  try {
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  } catch {
    return Infinity; // The terminal does not report its size.
  }
}

/** Prints the table of a run or of its variants, and the counts of its samples. */
function printTables({ ablation, laterality, controls, options }: WrittenSummary): void {
  const [summary, ...others] = Object.values(ablation) as [Summary, ...Summary[]];
  const intervals = others.length > 0 ? "" : formatIntervals(summary);
  const width = stdoutColumns();
  console.log(`${formatTable(makeTable(ablation, options), width)}\n${intervals}`.trimEnd());
  if (options.methods) console.log(options.notes?.join("\n"));
  if (hasProtocols(ablation)) {
    console.log(`\n${formatTable(makeProtocolTable(ablation, options), width)}`);
  }
  for (const sentence of describeGaps(ablation)) console.log(sentence);
  if (hasLaterality(laterality)) {
    const table = makeLateralityTable(laterality, options);
    const text = `${formatTable(table, width)}\n${formatLateralityIntervals(laterality)}`;
    console.log(`\nLaterality, maps on their own side:\n${text.trimEnd()}`);
  }
  for (const table of makeControlTables(controls, options)) {
    console.log(`\n${table.caption[0]}\n${formatTable(withIntervals(table), width)}`);
  }
  console.log();
  // All settings share the counts of their samples, but each method has its own counts.
  if (!options.methods || others.length === 0) return printCounts("", summary);
  for (const [name, summary] of Object.entries(ablation)) {
    printCounts(`${options.methods[name] ?? name}: `, summary);
  }
}

/** Prints the number of samples by outcome, with the reasons. */
function printCounts(prefix: string, summary: Summary): void {
  console.log(`${prefix}${describeCounts(summary)}.`);
  for (const { status, stage, reason, count, example } of summary.reasons) {
    console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
  }
}
