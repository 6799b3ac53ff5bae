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
  const others = summary.classes.map(({ category }) => category)
    .filter((category) => !(CLASSES as readonly string[]).includes(category));
  const columns = [
    ...[...CLASSES, ...others].map((category) => {
      const found = summary.classes.find((entry) => entry.category === category);
      return { heading: category.split(" "), means: found, count: found?.count ?? 0 };
    }),
    {
      heading: ["Avg"],
      means: summary.average,
      count: summary.counts.scored,
    },
  ];
  const depth = Math.max(...columns.map(({ heading }) => heading.length));
  const cells = columns.map(({ heading, means, count }) => [
    ...Array<string>(depth - heading.length).fill(""),
    ...heading,
    ...ROWS.map(([, write]) => means ? write(means) : "–"),
    String(count),
  ]);
  const labels = [...Array<string>(depth).fill(""), ...ROWS.map(([label]) => label), "samples"];
  const width = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const lines = labels.map((label, row) =>
    [
      label.padEnd(width(labels)),
      ...cells.map((column) => column[row]!.padStart(width(column))),
    ].join("  ").trimEnd()
  );
  const rule = "─".repeat(width(lines));
  lines.splice(depth, 0, rule);
  return lines.join("\n");
}
