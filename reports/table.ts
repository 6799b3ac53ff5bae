/**
 * The per-class table of the paper's Table I as plain text.
 *
 * @module
 */

import { CLASSES } from "../datasets/sample.ts";
import type { MeanScores, Summary } from "./summary.ts";

/** Rows of the table: heading, and how a mean is written. */
const ROWS: readonly [string, (means: MeanScores) => string][] = [
  ["|CNR|", ({ absCnr }) => decimals(absCnr)],
  ["CNR", ({ cnr }) => decimals(cnr)],
  ["mIoU %", ({ miou }) => percent(miou)],
  ["AUC-ROC %", ({ aucRoc }) => percent(aucRoc)],
];

/** Largest number that is written out; noise-free contrast is infinite in principle. */
const HUGE = 1e6;

function decimals(value: number): string {
  return Math.abs(value) >= HUGE ? value.toExponential(1) : value.toFixed(2);
}

function percent(value: number): string {
  return (100 * value).toFixed(1);
}

/**
 * Formats a summary: a column for each class of the paper (and any other that
 * came up) and one for their unweighted mean; CNR with two decimals, mIoU and
 * AUC-ROC in per cent with one, as in the paper.
 */
export function formatTable(summary: Summary): string {
  const rows = ROWS.map(([label, write]) => [label, ...cells(summary, [summary], write)]);
  return layOut([summary], [...rows, ["samples", ...counts(summary)]]);
}

/** Rows that the paper's Table II has for each setting. */
const ABLATION_ROWS = ROWS.filter(([label]) => label === "CNR" || label === "mIoU %");

/**
 * Formats the summaries of several settings on the same samples as the paper's
 * Table II does: CNR and mIoU of each in the columns of {@linkcode formatTable}.
 *
 * @param summaries By the name of the setting; at least one.
 */
export function formatAblation(summaries: Readonly<Record<string, Summary>>): string {
  const all = Object.values(summaries);
  const rows = Object.entries(summaries).flatMap(([name, summary]) =>
    ABLATION_ROWS.map(([label, write], i) => [
      `${(i === 0 ? name : "").padEnd(longest(Object.keys(summaries)))}  ${label}`,
      ...cells(summary, all, write),
    ])
  );
  return layOut(all, [...rows, ["samples", ...counts(all[0]!)]]);
}

/** The paper's classes, and any other that came up. */
function categories(summaries: readonly Summary[]): string[] {
  const found = summaries.flatMap(({ classes }) => classes.map(({ category }) => category));
  return [...new Set<string>([...CLASSES, ...found])];
}

/** A summary's means, class by class, and their mean. */
function cells(
  { classes, average }: Summary,
  summaries: readonly Summary[],
  write: (means: MeanScores) => string,
): string[] {
  const means = categories(summaries).map((name) =>
    classes.find(({ category }) => category === name)
  );
  return [...means, average].map((mean) => mean ? write(mean) : "–");
}

function counts(summary: Summary): string[] {
  const { classes, counts: { scored } } = summary;
  const byClass = categories([summary]).map((name) =>
    classes.find(({ category }) => category === name)?.count ?? 0
  );
  return [...byClass, scored].map(String);
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

/** Rows of a label and a cell a class, under the classes' names. */
function layOut(summaries: readonly Summary[], rows: readonly (readonly string[])[]): string {
  const headings = [[], ...categories(summaries).map((name) => name.split(" ")), ["Avg"]];
  const depth = Math.max(...headings.map((words) => words.length));
  const columns = headings.map((words, column) => [
    ...Array<string>(depth - words.length).fill(""),
    ...words,
    ...rows.map((row) => row[column]!),
  ]);
  const widths = columns.map(longest);
  const lines = columns[0]!.map((_, row) =>
    columns.map((column, i) =>
      i === 0 ? column[row]!.padEnd(widths[i]!) : column[row]!.padStart(widths[i]!)
    ).join("  ").trimEnd()
  );
  lines.splice(depth, 0, "─".repeat(longest(lines)));
  return lines.join("\n");
}
