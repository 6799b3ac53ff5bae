/**
 * Summaries on the terminal.
 *
 * @module
 */

import type { Summary } from "../reports/summary.ts";
import { describeCounts, type TableOptions } from "../reports/result_table.ts";
import { formatAblation, formatIntervals, formatTable } from "../reports/table.ts";

/** Prints the table of a run, or of its variants, and what became of its samples. */
export function printSummaries(
  ablation: Readonly<Record<string, Summary>>,
  { published }: TableOptions,
): void {
  const [summary, ...others] = Object.values(ablation) as [Summary, ...Summary[]];
  if (others.length > 0) console.log(formatAblation(ablation, published));
  else console.log(`${formatTable(summary, published)}\n${formatIntervals(summary)}`.trimEnd());
  console.log(`\n${describeCounts(summary)}.`);
  for (const { status, stage, reason, count, example } of summary.reasons) {
    console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
  }
}
