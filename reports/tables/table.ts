/**
 * Tables of results as plain text.
 *
 * @module
 */

import {
  formatScore,
  makeTable,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  type TableOptions,
} from "./result_table.ts";
import { makeProtocolTable } from "./protocol_table.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** What is put behind a value that is the best of its column, and the second best. */
const MARKS = ["*", "+"] as const;

/**
 * Formats a summary as the paper's Table I: a column for each class of the paper
 * (and any other that came up) and one for their unweighted mean; CNR with two
 * decimals, mIoU and AUC-ROC in per cent with one, as in the paper.
 *
 * @param summary The summary.
 * @param published Whether the paper's rows are put before it.
 */
export function formatTable(summary: Summary, published = false): string {
  return layOut(makeTable({ "": summary }, { published }));
}

/**
 * Formats the summaries of several settings on the same samples as the paper's
 * Table II: CNR and mIoU of each in the columns of {@linkcode formatTable}.
 *
 * @param summaries By the name of the setting; at least two.
 * @param published Whether the paper's rows are put before them.
 */
export function formatAblation(
  summaries: Readonly<Record<string, Summary>>,
  published = false,
): string {
  return layOut(makeTable(summaries, { published }));
}

/**
 * Formats the summaries of a run: as {@linkcode formatTable} where there is one or where
 * they are of methods, as {@linkcode formatAblation} where they are of settings.
 *
 * @param summaries By the name of the setting or method; at least one.
 * @param options What to show besides.
 * @param width Characters a line has room for: columns that find none go below the others.
 */
export function formatResults(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions,
  width = Infinity,
): string {
  return layOut(makeTable(summaries, options), width);
}

/**
 * Formats what a run comes to by further protocols, in the columns of {@linkcode formatTable}.
 *
 * @param summaries By the name of the setting or method; at least one.
 * @param options What to show besides.
 * @param width As for {@linkcode formatResults}.
 */
export function formatProtocols(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
  width = Infinity,
): string {
  return layOut(makeProtocolTable(summaries, options), width);
}

/** The bootstrap intervals of the averages in one line; empty where there are none. */
export function formatIntervals({ average, bootstrap: { level } }: Summary): string {
  const { intervals } = average ?? {};
  if (!intervals) return "";
  const parts = SCORES.filter((score) => !Number.isNaN(intervals[score][0])).map((score) => {
    const [low, high] = intervals[score].map((value) => formatScore(score, value));
    return `${SCORE_STYLES[score].label} ${low} to ${high}`;
  });
  return `${100 * level} % intervals of Avg: ${parts.join(", ")}`;
}

function longest(texts: readonly { readonly length: number }[]): number {
  return Math.max(...texts.map(({ length }) => length));
}

/** Rows of a label and a cell a class, under the classes' names; marks stand between columns. */
function layOut(
  { columns: names, groups, counts, hasMarks }: ResultTable,
  room = Infinity,
): string {
  const words = names.map((name) => name.split(" "));
  const depth = longest(words);
  const rows: { label: string; cells?: readonly TableCell[] }[] = [
    ...Array.from({ length: depth }, (_, i) => ({
      label: "",
      cells: words.map((words) => ({ text: words[i - depth + words.length] ?? "" })),
    })),
    ...groups.flatMap(({ method, isPublished, rows }) => [
      ...(method ? [{ label: isPublished ? `${method}, published` : method }] : []),
      ...rows.map(({ label, cells }) => ({
        label: `${method && " "}${label}`,
        cells,
      })),
    ]),
    ...counts.map(({ label, cells }) => ({ label, cells: cells.map((text) => ({ text })) })),
  ];
  const table = rows.filter(({ cells }) => cells);
  const width = longest(table.map(({ label }) => label));
  const widths = names.map((_, i) => longest(table.map(({ cells }) => cells![i]!.text)));
  const blocks = fitColumns(widths, room - width).map((columns) => {
    const lines = rows.map(({ label, cells }) => {
      // A label without cells is as wide as it likes.
      if (!cells) return label;
      const texts = columns.map((i) => {
        const { text, better } = cells[i]!;
        return text.padStart(widths[i]!) + (better === undefined ? " " : MARKS[better]);
      });
      return `${label.padEnd(width)} ${texts.join(" ")}`.trimEnd();
    });
    lines.splice(depth, 0, "─".repeat(longest(lines)));
    // Not every block has a name of several words.
    return lines.join("\n").replace(/^\n+/, "");
  });
  if (hasMarks) blocks.push(`${MARKS[0]} best of its column, ${MARKS[1]} second best`);
  return blocks.join(blocks.length > (hasMarks ? 2 : 1) ? "\n\n" : "\n");
}

/** Columns by the blocks that they are printed in; each has a blank before and a mark behind it. */
function fitColumns(widths: readonly number[], room: number): number[][] {
  const blocks: number[][] = [];
  let left = 0;
  for (const [i, width] of widths.entries()) {
    if (blocks.length === 0 || left < width + 2) {
      blocks.push([]);
      left = room;
    }
    blocks.at(-1)!.push(i);
    left -= width + 2;
  }
  return blocks;
}
