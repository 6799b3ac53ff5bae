import { CLASSES } from "../../datasets/sample.ts";
import type { NumberName } from "../../scoring/protocols.ts";
import type { Interval } from "./bootstrap.ts";
import { AVERAGE, meanColumn, type MeansByClass } from "./class_means.ts";
import { PAPER, TABLE_ONE, TABLE_TWO } from "./published.ts";
import type { Summary } from "./summary.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** Names of a score, and the form of its values. */
export interface ScoreStyle {
  readonly label: string;
  /** Name in CSV files, as in the published CSV files. */
  readonly key: string;
  /** Factor of printed values: 100 for per cent, such as mIoU and AUC-ROC. */
  readonly factor: 1 | 100;
  /** Digits after the decimal point, as in the paper. */
  readonly digits: number;
}

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
  iou: { label: "IoU %, mask", key: "iou", factor: 100, digits: 1 },
  bboxiou: { label: "IoU %, box", key: "bboxiou", factor: 100, digits: 1 },
  bboxmiou: { label: "mIoU %, box", key: "bboxmiou", factor: 100, digits: 1 },
  top1: { label: "top-1 %", key: "top1", factor: 100, digits: 1 },
  aucroc: { label: "AUC-ROC %", key: "aucroc", factor: 100, digits: 1 },
  distance: { label: "distance, pixels", key: "distance", factor: 1, digits: 1 },
  dice: { label: "Dice %", key: "dice", factor: 100, digits: 1 },
  pooledMiou: { label: "mIoU %, pooled", key: "miou_pooled", factor: 100, digits: 1 },
  iouFirst: { label: "IoU %, first box", key: "iou_first", factor: 100, digits: 1 },
  hitAt30: { label: "hits %, IoU .3", key: "hit_30", factor: 100, digits: 1 },
  hitAt50: { label: "hits %, IoU .5", key: "hit_50", factor: 100, digits: 1 },
  f1At30: { label: "F1 %, IoU .3", key: "f1_30", factor: 100, digits: 1 },
  f1At50: { label: "F1 %, IoU .5", key: "f1_50", factor: 100, digits: 1 },
  ap: { label: "AP %, IoU .5 to .95", key: "ap", factor: 100, digits: 1 },
  apAt50: { label: "AP %, IoU .5", key: "ap_50", factor: 100, digits: 1 },
  apAt40: { label: "AP %, IoU .4", key: "ap_40", factor: 100, digits: 1 },
  apFrom10To70: { label: "AP %, IoU .1 to .7", key: "ap_10_70", factor: 100, digits: 1 },
  recallAt5: { label: "recall %, .05 false", key: "recall_05", factor: 100, digits: 1 },
  recallAt10: { label: "recall %, .1 false", key: "recall_10", factor: 100, digits: 1 },
  recallAt20: { label: "recall %, .2 false", key: "recall_20", factor: 100, digits: 1 },
  pq: { label: "PQ %", key: "pq", factor: 100, digits: 1 },
  sq: { label: "SQ %", key: "sq", factor: 100, digits: 1 },
  rq: { label: "RQ %", key: "rq", factor: 100, digits: 1 },
  peakAuc: { label: "AUROC %, peak", key: "auroc_peak", factor: 100, digits: 1 },
  peakWrong: { label: "false %, peak", key: "false_peak", factor: 100, digits: 1 },
  meanAuc: { label: "AUROC %, mean", key: "auroc_mean", factor: 100, digits: 1 },
  meanWrong: { label: "false %, mean", key: "false_mean", factor: 100, digits: 1 },
  nothing: { label: "N-acc %", key: "n_acc", factor: 100, digits: 1 },
  something: { label: "T-acc %", key: "t_acc", factor: 100, digits: 1 },
  allMatch: { label: "F1 = 1 %", key: "f1_one", factor: 100, digits: 1 },
  ece: { label: "ECE %", key: "ece", factor: 100, digits: 1 },
  brier: { label: "Brier", key: "brier", factor: 1, digits: 3 },
};

/** One value of a table. */
export interface TableCell {
  /** The printed value; a dash if there is no value. */
  readonly text: string;
  /** Number of better values in this row of all groups: 0 for best, 1 for second best. */
  readonly better?: 0 | 1;
  readonly interval?: string;
  /** Link of the value on a page, relative to the page. */
  readonly href?: string;
}

/** The scores of one method, or of one setting. */
export interface TableGroup {
  /** Name of the method or setting; empty if the table has only one. */
  readonly method: string;
  /** The values come from the paper instead of this run; by default they do not. */
  readonly isPublished?: true;
  /** One row per score. */
  readonly rows: readonly { readonly label: string; readonly cells: readonly TableCell[] }[];
}

export interface ResultTable {
  /** Names of the classes, and `Avg`. */
  readonly columns: readonly string[];
  /** The paper's methods or settings, then the run's methods or settings. */
  readonly groups: readonly TableGroup[];
  /**
   * Number of scored samples by column; rows of skipped and failed samples if there are any.
   *
   * @default {[]}
   */
  readonly counts?: readonly { readonly label: string; readonly cells: readonly string[] }[];
  /** Whether best and second best values are marked, as in tables of several groups. */
  readonly hasMarks?: boolean;
  readonly caption: readonly string[];
}

/** Content of a table beside the scores of the run. */
export interface TableOptions {
  /**
   * Whether the table shows the paper's rows; the paper's results are on MS-CXR.
   *
   * @default {false}
   */
  published?: boolean;
  /**
   * Labels of the methods, by the names of their summaries; the summary of a single method has an
   * empty name. Leave out if the summaries are of settings.
   *
   * @default {undefined}
   */
  methods?: Readonly<Record<string, string>>;
  /**
   * Summaries of one reader against another, by the names of their rows.
   *
   * @default {None}
   */
  readers?: Readonly<Record<string, Summary>>;
  /**
   * Samples that a method was trained on, in words, by the names of the summaries with any.
   *
   * @default {None}
   */
  leaks?: Readonly<Record<string, string>>;
  /**
   * More sentences for the caption, such as the part of the dataset.
   *
   * @default {[]}
   */
  notes?: readonly string[];
}

export { AVERAGE };

/** Mark after the name of a method that was trained on samples of the table. */
export const LEAK = "‡";

/** Name of a summary in a table, with a mark if its method was trained on samples of the table. */
export function markLeak(label: string, name: string, { leaks }: TableOptions): string {
  return leaks && Object.hasOwn(leaks, name) ? `${label} ${LEAK}`.trim() : label;
}

/** Label of this program's method beside the paper's. */
export const OWN = "Groundray";

/** Text in place of a missing value. */
export const NONE = "–";

/** Limit for plain decimals: contrast without noise is infinite in principle. */
const HUGE = 1e6;

/** Formats a value as the paper prints it; NaN becomes a dash. */
export function formatScore(score: NumberName, value: number): string {
  if (Number.isNaN(value)) return NONE;
  const { factor, digits } = SCORE_STYLES[score];
  return Math.abs(value) >= HUGE ? value.toExponential(1) : (factor * value).toFixed(digits);
}

/**
 * Makes a table like one in the paper. One summary, or several methods, give Table I: four scores
 * by class. Several settings give Table II: CNR and mIoU of each setting.
 *
 * @param summaries Summaries by the name of the setting or method; at least one.
 * @param options Content beside the scores of the run.
 */
export function makeTable(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
): ResultTable {
  const { published = false, methods, readers = {}, notes = [] } = options;
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
        cells: textCells(columns.map((column) => values.get(column))),
      })),
    }),
  );
  const isAlone = !published && Object.keys(readers).length === 0;
  const groupOf = (method: string, summary: Summary): TableGroup => ({
    method,
    rows: scores.map((score) => ({
      label: SCORE_STYLES[score].label,
      cells: columns.map((column) => {
        const means = meansOf(summary, column);
        return makeCell(score, means?.[score], means?.intervals?.[score]);
      }),
    })),
  });
  const ours = Object.entries(summaries).map(([name, summary]) => {
    const label = methods?.[name] ?? (isAblation ? name : isAlone ? "" : OWN);
    return groupOf(markLeak(label, name, options), summary);
  });
  const groups = [...theirs, ...ours];
  const hasMarks = groups.length > 1;
  const people = Object.entries(readers).map(([name, summary]) => groupOf(name, summary));
  return {
    columns,
    groups: [...(hasMarks ? mark(groups) : groups), ...people],
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
      ...(all.some(({ groups }) => groups)
        ? ["The mean of a group is the unweighted mean over its classes."]
        : []),
      ...(hasMarks ? ["Best of a column in bold, second best underlined."] : []),
      ...(all.some(({ average }) => average) ? [describeIntervals(all[0]!)] : []),
      ...(published
        ? [
          `† As published: ${PAPER}, ${source.name}; not computed here, and maybe on other samples.`,
        ]
        : []),
      ...(all.some(({ masked }) => masked)
        ? [
          "A sample with masks as ground truth is scored against their union, as if it were a box.",
        ]
        : []),
      ...describeReaders(readers),
      ...notes,
      ...describeAllCounts(summaries, methods),
    ],
  };
}

/** Says how readers are compared, in a sentence; none without readers. */
export function describeReaders(readers: Readonly<Record<string, Summary>> = {}): string[] {
  const [first] = Object.values(readers);
  if (!first) return [];
  return [
    "A reader's boxes are scored as a prediction against the other reader's, on the " +
    `${first.counts.scored} scored samples that both marked: the ceiling of a method.`,
  ];
}

/** Describes in words how many samples were scored, grounded, skipped, or failed. */
export function describeCounts({ counts, masked }: Summary): string {
  const { scored, grounded, skipped, failed } = counts;
  const parts = [`${scored} scored`, `${skipped} skipped`, `${failed} failed`];
  const truth = masked === undefined ? "boxes" : "boxes or masks";
  if (grounded > 0) parts.splice(1, 0, `${grounded} grounded without ${truth}`);
  return parts.join(", ");
}

/**
 * Describes the counts of several summaries. Settings share one sentence, as do methods with equal
 * counts.
 *
 * @param methods Labels of the methods, by the names of their summaries.
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

/** Finds the means of a summary for a column; `undefined` if the class has none. */
export function meansOf<N>(
  { classes, average, groups }: MeansByClass<N>,
  column: string,
): N | undefined {
  if (column === AVERAGE) return average;
  return classes.find(({ category }) => category === column) ??
    groups?.find(({ group }) => meanColumn(group) === column);
}

/**
 * The paper's classes, followed by other classes with scores. In a dataset with groups, the classes
 * of each group with scores, followed by the group's mean; then the classes without a group.
 */
export function categories(summaries: readonly Summary[]): string[] {
  const found = summaries.flatMap(({ classes }) => classes.map(({ category }) => category));
  const all = summaries.flatMap(({ groups = [] }) => groups);
  if (all.length === 0) return [...new Set<string>([...CLASSES, ...found])];
  const columns = [...new Set(all.map(({ group }) => group))].flatMap((name) => [
    ...all.filter(({ group }) => group === name).flatMap(({ categories }) => categories),
    meanColumn(name),
  ]);
  return [...new Set([...columns, ...found])];
}

/** Numbers of scored, skipped and failed samples in a column. */
export function countsOf(
  summary: Summary,
  column: string,
): Readonly<Record<"scored" | "skipped" | "failed", number>> {
  const { classes, counts, leftOut, groups } = summary;
  if (column === AVERAGE) return counts;
  const own = groups?.find(({ group }) => meanColumn(group) === column);
  if (own) {
    const all = own.categories.map((category) => countsOf(summary, category));
    const sum = (status: keyof typeof all[0]) => all.reduce((sum, each) => sum + each[status], 0);
    return { scored: sum("scored"), skipped: sum("skipped"), failed: sum("failed") };
  }
  const { skipped, failed } = leftOut.find(({ category }) => category === column) ??
    { skipped: 0, failed: 0 };
  const scored = classes.find(({ category }) => category === column)?.count ?? 0;
  return { scored, skipped, failed };
}

function countRows(
  summary: Summary,
  columns: readonly string[],
): NonNullable<ResultTable["counts"]> {
  return (["scored", "skipped", "failed"] as const)
    .filter((status) => status === "scored" || summary.counts[status] > 0)
    .map((status) => ({
      label: status === "scored" ? "samples" : status,
      cells: columns.map((column) => String(countsOf(summary, column)[status])),
    }));
}

/**
 * Makes the cell of a value; a missing value or NaN becomes a dash.
 *
 * @param format Formats the value and the ends of its interval.
 */
export function makeCell(
  score: NumberName,
  value?: number,
  interval?: Interval,
  format = formatScore,
): TableCell {
  if (value === undefined || Number.isNaN(value)) return { text: NONE };
  const [low, high] = interval?.map((end) => format(score, end)) ?? [];
  return {
    text: format(score, value),
    ...(interval && !interval.some(Number.isNaN) && { interval: `[${low}, ${high}]` }),
  };
}

/** Makes cells of texts and counts; `undefined` becomes a dash. */
export function textCells(values: readonly (string | number | undefined)[]): TableCell[] {
  return values.map((value) => ({ text: String(value ?? NONE) }));
}

/** Formats a difference with its sign. */
export function signed(score: NumberName, value: number): string {
  const text = formatScore(score, value);
  return value > 0 ? `+${text}` : text;
}

/** A number in the unit of its score; `undefined` for a missing number or NaN. */
export function inUnit(score: NumberName, value: number | undefined): number | undefined {
  return value === undefined || Number.isNaN(value)
    ? undefined
    : SCORE_STYLES[score].factor * value;
}

/** The columns of a number in a CSV file: score, unit, value and the ends of its interval. */
export function csvNumber(
  score: NumberName,
  value: number | undefined,
  interval: readonly (number | undefined)[] = [],
) {
  const [low, high] = interval.map((end) => inUnit(score, end));
  const { key } = SCORE_STYLES[score];
  return { score: key, unit: unitOf(score), value: inUnit(score, value), low, high };
}

/** Unit of a number in CSV files: `%`, or an empty text. */
export function unitOf(score: NumberName): string {
  return SCORE_STYLES[score].factor === 100 ? "%" : "";
}

/** Marks best and second best of each score and class, by printed values as in the paper. */
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
        // The second best of two values is the worst, and needs no mark.
        const isMarked = better === 0 && values.length > 1 || better === 1 && values.length > 2;
        return isMarked && cell.text !== NONE ? { ...cell, better: better as 0 | 1 } : cell;
      }),
    })),
  }));
}

/** Formats the parts of a table for one kind of file. */
export interface CellWriter {
  /** Escapes the markup in a text. */
  readonly text: (text: string) => string;
  /** Formats a value with its mark. */
  readonly value: (cell: TableCell) => string;
  readonly interval: (interval: string) => string;
  /** Mark after the name of a published method. */
  readonly published: string;
}

/** Formats the rows of a group: name, label and values; a row of intervals follows if any. */
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

/** Describes the intervals' method in a sentence. */
export function describeIntervals({ bootstrap: { resamples, seed, level } }: Summary): string {
  return `In brackets ${
    100 * level
  } % bootstrap intervals: percentiles of ${resamples} resamples ` +
    `of each class's samples, seed ${seed}; none where a class has a single sample.`;
}
