/**
 * Summaries on the terminal.
 *
 * @module
 */

import type { Summary } from "../reports/summary.ts";
import { formatAblation, formatTable } from "../reports/table.ts";

/** Prints the table of a run, or of its variants, and what became of its samples. */
export function printSummaries(ablation: Readonly<Record<string, Summary>>): void {
  const summaries = Object.values(ablation);
  console.log(summaries.length > 1 ? formatAblation(ablation) : formatTable(summaries[0]!));
  console.log(`\n${describeCounts(ablation)}.`);
  for (const { status, stage, reason, count, example } of summaries[0]!.reasons) {
    console.log(`  ${status} at ${stage}: ${count} x ${reason} (such as ${example})`);
  }
}

/** How many samples came to what, in words. */
export function describeCounts(ablation: Readonly<Record<string, Summary>>): string {
  const { scored, grounded, skipped, failed } = Object.values(ablation)[0]!.counts;
  const parts = [`${scored} scored`, `${skipped} skipped`, `${failed} failed`];
  if (grounded > 0) parts.splice(1, 0, `${grounded} grounded without boxes`);
  return parts.join(", ");
}
