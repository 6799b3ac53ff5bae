/**
 * What a table of results holds, whatever it is written as.
 *
 * @module
 */

import { CLASSES } from "../../datasets/sample.ts";
import type { ProtocolName, PROTOCOLS } from "../../scoring/protocols.ts";
import type { Interval } from "./bootstrap.ts";
import { PAPER, TABLE_ONE, TABLE_TWO } from "./published.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** How a score is called and written. */
export interface ScoreStyle {
  /** What tables call it. */
  readonly label: string;
  /** What CSV files call it, as the published ones do. */
  readonly key: string;
  /** What a value is multiplied by; mIoU and AUC-ROC are in per cent. */
  readonly factor: 1 | 100;
  /** Digits after the point, as in the paper. */
  readonly digits: number;
}

/** A number of a protocol, the paper's scores among them. */
export type NumberName = typeof PROTOCOLS[ProtocolName][number];

/** The numbers' styles. */
export const SCORE_STYLES: Readonly<Record<NumberName, ScoreStyle>> = {
  absCnr: { label: "|CNR|", key: "abs_cnr", factor: 1, digits: 2 },
  cnr: { label: "CNR", key: "cnr", factor: 1, digits: 2 },
  miou: { label: "mIoU %", key: "miou", factor: 100, digits: 1 },
  aucRoc: { label: "AUC-ROC %", key: "auc_roc", factor: 100, digits: 1 },
  iouUnion: { label: "IoU %, union", key: "iou_union", factor: 100, digits: 1 },
  iouLargest: { label: "IoU %, largest", key: "iou_largest", factor: 100, digits: 1 },
  hit: { label: "hits %", key: "hit", factor: 100, digits: 1 },
  exact: { label: "AUC-ROC %, exact", key: "auc_roc_exact", factor: 100, digits: 1 },
  binned: { label: "AUC-ROC %, binned", key: "auc_roc_binned", factor: 100, digits: 1 },
};

/** One value of a table. */
export interface TableCell {
  /** As it is printed; a dash where there is none. */
  readonly text: string;
  /** How many methods have a better value of this score and class, where it is marked: 0 or 1. */
  readonly better?: 0 | 1;
  /** Its 95 % interval as printed. */
  readonly interval?: string;
}

/** The scores of one method, or one setting. */
export interface TableGroup {
  /** Its name; empty where there is only one. */
  readonly method: string;
  /** Whether the values are the paper's and not computed here. */
  readonly isPublished: boolean;
  /** A row a score. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly TableCell[] }[];
}

/** A table of results. */
export interface ResultTable {
  /** Names of the classes, and `Avg`. */
  readonly columns: readonly string[];
  /** The methods: the paper's, then ours. */
  readonly groups: readonly TableGroup[];
  /** Samples that were scored, and that were left out if any were, by column. */
  readonly counts: readonly { readonly label: string; readonly cells: readonly string[] }[];
  /** Whether best and second best are marked: there is something to compare. */
  readonly hasMarks: boolean;
  /** What to know of it, in sentences. */
  readonly caption: readonly string[];
}

/** What a table is to say. */
export interface TableOptions {
  /**
   * Whether the paper's rows are shown; they are on MS-CXR.
   *
   * @default {false}
   */
  published?: boolean;
  /**
   * What the summaries are called where each is that of a method, by their names; a single
   * method's is empty.
   *
   * @default {They are those of settings}
   */
  methods?: Readonly<Record<string, string>>;
  /**
   * Sentences for the caption, such as which part of a dataset it is of.
   *
   * @default {[]}
   */
  notes?: readonly string[];
}

/** What our method is called. */
export const OWN = "Groundray";

/** Name of the column of the averages. */
export const AVERAGE = "Avg";

/** What stands for a value that is not there. */
const NONE = "–";

/** Largest number that is written out; noise-free contrast is infinite in principle. */
const HUGE = 1e6;

/** A value as the paper prints it; a dash for one that is not defined. */
export function formatScore(score: NumberName, value: number): string {
  if (Number.isNaN(value)) return NONE;
  const { factor, digits } = SCORE_STYLES[score];
  return Math.abs(value) >= HUGE ? value.toExponential(1) : (factor * value).toFixed(digits);
}

/**
 * Table I of one summary: four scores by class, or Table II of several: CNR and
 * mIoU of each setting; Table I too of several methods.
 *
 * @param summaries By the name of the setting or method; at least one.
 * @param options What to show besides.
 */
export function makeTable(
  summaries: Readonly<Record<string, Summary>>,
  { published = false, methods, notes = [] }: TableOptions = {},
): ResultTable {
  const all = Object.values(summaries);
  const isAblation = all.length > 1 && !methods;
  const source = isAblation ? TABLE_TWO : TABLE_ONE;
  const scores = isAblation ? (["cnr", "miou"] as const) : SCORES;
  const columns = [...categories(all), AVERAGE];
  const theirs = (published ? [...Map.groupBy(source.rows, ({ method }) => method)] : []).map(
    ([method, rows]): TableGroup => ({
      method,
      isPublished: true,
      rows: rows.map(({ score, values }) => ({
        label: SCORE_STYLES[score].label,
        cells: columns.map((column) => ({ text: values.get(column) ?? NONE })),
      })),
    }),
  );
  const ours = Object.entries(summaries).map(([name, summary]): TableGroup => ({
    method: methods?.[name] ?? (isAblation ? name : published ? OWN : ""),
    isPublished: false,
    rows: scores.map((score) => ({
      label: SCORE_STYLES[score].label,
      cells: columns.map((column) => {
        const means = meansOf(summary, column);
        return makeCell(score, means?.[score], means?.intervals?.[score]);
      }),
    })),
  }));
  const groups = [...theirs, ...ours];
  const hasMarks = groups.length > 1;
  return {
    columns,
    groups: hasMarks ? mark(groups) : groups,
    counts: haveEqualCounts(all) || !methods
      ? countRows(all[0]!, columns)
      : Object.entries(summaries).flatMap(([name, summary]) =>
        countRows(summary, columns).map(({ label, cells }) => ({
          label: `${label}, ${methods[name] ?? name}`,
          cells,
        }))
      ),
    hasMarks,
    caption: [
      isAblation
        ? "Settings scored on the same samples, as in the paper's Table II."
        : "Scores by class, as in the paper's Table I.",
      `Means over samples; ${AVERAGE} is the unweighted mean over the classes. ` +
      "mIoU and AUC-ROC are in per cent; higher is better.",
      ...(hasMarks ? ["Best of a column in bold, second best underlined."] : []),
      ...(all.some(({ average }) => average) ? [describeIntervals(all[0]!)] : []),
      ...(published
        ? [
          `† As published: ${PAPER}, ${source.name}; not computed here, and maybe on other samples.`,
        ]
        : []),
      ...notes,
      ...describeAllCounts(summaries, methods),
    ],
  };
}

/** How many samples came to what, in words. */
export function describeCounts({ counts }: Summary): string {
  const { scored, grounded, skipped, failed } = counts;
  const parts = [`${scored} scored`, `${skipped} skipped`, `${failed} failed`];
  if (grounded > 0) parts.splice(1, 0, `${grounded} grounded without boxes`);
  return parts.join(", ");
}

/**
 * The same of several summaries as sentences: one where they agree, as those of settings do.
 *
 * @param methods What the summaries are called where each is that of a method.
 */
function describeAllCounts(
  summaries: Readonly<Record<string, Summary>>,
  methods: Readonly<Record<string, string>> | undefined,
): string[] {
  const all = Object.entries(summaries);
  if (!methods || haveEqualCounts(Object.values(summaries))) {
    return [`${describeCounts(all[0]![1])}.`];
  }
  return all.map(([name, summary]) => `${methods[name] ?? name}: ${describeCounts(summary)}.`);
}

function haveEqualCounts(summaries: readonly Summary[]): boolean {
  const texts = summaries.map(({ counts, classes, leftOut }) =>
    JSON.stringify([counts, leftOut, classes.map(({ category, count }) => [category, count])])
  );
  return new Set(texts).size === 1;
}

/** What a summary says of a column, if anything. */
export function meansOf<C extends { readonly category: string }, A>(
  { classes, average }: { readonly classes: readonly C[]; readonly average?: A },
  column: string,
): C | A | undefined {
  return column === AVERAGE ? average : classes.find(({ category }) => category === column);
}

/** The paper's classes, and any other that has scores. */
export function categories(summaries: readonly Summary[]): string[] {
  const found = summaries.flatMap(({ classes }) => classes.map(({ category }) => category));
  return [...new Set<string>([...CLASSES, ...found])];
}

/** Samples of a column that came to what. */
export function countsOf(
  { classes, counts, leftOut }: Summary,
  column: string,
): Readonly<Record<"scored" | "skipped" | "failed", number>> {
  if (column === AVERAGE) return counts;
  const { skipped, failed } = leftOut.find(({ category }) => category === column) ??
    { skipped: 0, failed: 0 };
  const scored = classes.find(({ category }) => category === column)?.count ?? 0;
  return { scored, skipped, failed };
}

function countRows(summary: Summary, columns: readonly string[]): ResultTable["counts"] {
  return (["scored", "skipped", "failed"] as const)
    .filter((status) => status === "scored" || summary.counts[status] > 0)
    .map((status) => ({
      label: status === "scored" ? "samples" : status,
      cells: columns.map((column) => String(countsOf(summary, column)[status])),
    }));
}

/** A value as a cell; a dash where there is none. */
export function makeCell(score: NumberName, value?: number, interval?: Interval): TableCell {
  if (value === undefined || Number.isNaN(value)) return { text: NONE };
  const [low, high] = interval?.map((end) => formatScore(score, end)) ?? [];
  return {
    text: formatScore(score, value),
    ...(interval && { interval: `[${low}, ${high}]` }),
  };
}

/** What CSV files say a number is in. */
export function unitOf(score: NumberName): string {
  return SCORE_STYLES[score].factor === 100 ? "%" : "";
}

/** Marks best and second best of each score and class by what is printed, as the paper does. */
function mark(groups: readonly TableGroup[]): TableGroup[] {
  return groups.map((group) => ({
    ...group,
    rows: group.rows.map(({ label, cells }) => ({
      label,
      cells: cells.map((cell, column): TableCell => {
        const values = groups.flatMap(({ rows }) =>
          rows.flatMap((row) => row.label === label ? Number(row.cells[column]!.text) : [])
        ).filter((value) => !Number.isNaN(value));
        const better = values.filter((value) => value > Number(cell.text)).length;
        // Of two, the second best is the worst.
        const isMarked = better === 0 && values.length > 1 || better === 1 && values.length > 2;
        return isMarked && cell.text !== NONE ? { ...cell, better: better as 0 | 1 } : cell;
      }),
    })),
  }));
}

/** How a kind of file writes what a table holds. */
export interface CellWriter {
  /** Text of which nothing is taken for markup. */
  readonly text: (text: string) => string;
  /** A value. */
  readonly value: (cell: TableCell) => string;
  /** An interval. */
  readonly interval: (interval: string) => string;
  /** What stands behind the name of a method that is the paper's. */
  readonly published: string;
}

/** The rows of a group: name, label and values, each over its intervals where it has any. */
export function writeGroup(
  { method, isPublished, rows }: TableGroup,
  { text, value, interval, published }: CellWriter,
): string[][] {
  return rows.flatMap(({ label, cells }, i) => {
    const name = i === 0 ? text(method) + (isPublished ? published : "") : "";
    const intervals = cells.map((cell) => cell.interval ? interval(cell.interval) : "");
    return [
      [name, text(label), ...cells.map(value)],
      ...(intervals.some((text) => text !== "") ? [["", "", ...intervals]] : []),
    ];
  });
}

/** How intervals were made, in words. */
export function describeIntervals({ bootstrap: { resamples, seed, level } }: Summary): string {
  return `In brackets ${
    100 * level
  } % bootstrap intervals: percentiles of ${resamples} resamples ` +
    `of each class's samples, seed ${seed}; none where a class has a single sample.`;
}
