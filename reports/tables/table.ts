import {
  formatScore,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  textCells,
} from "./result_table.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** Marks after the best and the second-best value of a column. */
const MARKS = ["*", "+"] as const;

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

/**
 * Formats a table as plain text. Marks of cells stand between the columns.
 *
 * @param room Longest line in characters; columns without room go below the others.
 */
export function formatTable(
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

/** The table with each interval beside its value, since plain text has no place below it. */
export function withIntervals(table: ResultTable): ResultTable {
  const groups = table.groups.map((group) => ({
    ...group,
    rows: group.rows.map(({ label, cells }) => ({
      label,
      cells: cells.map(({ text, interval = "" }) => ({ text: `${text} ${interval}`.trim() })),
    })),
  }));
  return { ...table, groups };
}
