import {
  formatScore,
  makeTable,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  type TableOptions,
  textCells,
} from "./result_table.ts";
import { makeProtocolTable } from "./protocol_table.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** Marks after the best and the second-best value of a column. */
const MARKS = ["*", "+"] as const;

/**
 * Formats the summaries of a run. One summary, or several methods, look like the paper's Table I:
 * columns for the paper's classes, then for other classes with scores, then for the unweighted
 * mean. Several settings look like Table II: CNR and mIoU of each. As in the paper, CNR has two
 * decimals; mIoU and AUC-ROC are in per cent with one decimal.
 *
 * @param summaries Summaries by the name of the setting or method; at least one.
 * @param options Content beside the scores of the run, such as the paper's own rows.
 * @param width Longest line in characters; columns without room go below the others.
 */
export function formatResults(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
  width = Infinity,
): string {
  return layOut(makeTable(summaries, options), width);
}

/**
 * Formats a run's scores by further protocols, in the columns of {@linkcode formatResults}.
 *
 * @param summaries Summaries by the name of the setting or method; at least one.
 * @param options Labels of methods.
 * @param width Longest line in characters, as for {@linkcode formatResults}.
 */
export function formatProtocols(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
  width = Infinity,
): string {
  return layOut(makeProtocolTable(summaries, options), width);
}

/**
 * Formats any table of results as plain text.
 *
 * @param width Longest line in characters, as for {@linkcode formatResults}.
 */
export function formatTable(table: ResultTable, width = Infinity): string {
  return layOut(table, width);
}

/** Formats the bootstrap intervals of the averages as one line; empty if there are none. */
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

/** Lays out rows of a label and one cell per class; marks of cells stand between the columns. */
function layOut(
  { columns: names, groups, counts = [], hasMarks }: ResultTable,
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
    ...counts.map(({ label, cells }) => ({ label, cells: textCells(cells) })),
  ];
  const table = rows.filter(({ cells }) => cells);
  const width = longest(table.map(({ label }) => label));
  const widths = names.map((_, i) => longest(table.map(({ cells }) => cells![i]!.text)));
  const blocks = fitColumns(widths, room - width).map((columns) => {
    const lines = rows.map(({ label, cells }) => {
      // A label without cells may run over the columns.
      if (!cells) return label;
      const texts = columns.map((i) => {
        const { text, better } = cells[i]!;
        return text.padStart(widths[i]!) + (better === undefined ? " " : MARKS[better]);
      });
      return `${label.padEnd(width)} ${texts.join(" ")}`.trimEnd();
    });
    lines.splice(depth, 0, "─".repeat(longest(lines)));
    // A block with only one-word names begins with empty header lines.
    return lines.join("\n").replace(/^\n+/, "");
  });
  if (hasMarks) blocks.push(`${MARKS[0]} best of its column, ${MARKS[1]} second best`);
  return blocks.join(blocks.length > (hasMarks ? 2 : 1) ? "\n\n" : "\n");
}

/**
 * Splits columns into blocks that fit a line. Each column takes two more characters, for the space
 * before and the mark after.
 */
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
