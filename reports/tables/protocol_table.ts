import { stringify } from "@std/csv";
import { BOX_PROTOCOLS, numbersOf, type ProtocolName } from "../../scoring/protocols.ts";
import { quote } from "../../base/text.ts";
import type { ProtocolMeans, ProtocolSummary } from "./protocol_summary.ts";
import {
  AVERAGE,
  categories,
  csvNumber,
  describeIntervals,
  describeReaders,
  makeCell,
  markLeak,
  meansOf,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  type TableGroup,
  type TableOptions,
  textCells,
} from "./result_table.ts";
import type { Summary } from "./summary.ts";
import { ALL } from "../statistics/scored_numbers.ts";
import { meanColumn } from "./class_means.ts";

/** Summary of one setting by one protocol. */
interface Entry {
  readonly setting: string;
  readonly protocol: ProtocolName;
  readonly summary: ProtocolSummary;
}

/** Column of the second mean of Generate to Ground's code. */
const WEIGHTED = "Weighted";

const RELEASED =
  `By generate-to-ground the mIoU is the mean over foreground and background of its own mask. ` +
  `${ALL} is its mean over samples; in ${WEIGHTED} each sample weighs as often as its class has ` +
  "samples.";

/** Protocols with numbers of which lower is better, and these numbers. */
const LOWER: Partial<Record<ProtocolName, string>> = {
  "existence": "false positives of existence",
  "calibration": "ECE and Brier score of calibration",
};

/** Returns true if a protocol needs phrases with nothing to find, and the run has none. */
function lacksNegatives({ protocol, summary: { all } }: Entry): boolean {
  return protocol === "n-acc" && !all ||
    protocol === "existence" && Number.isNaN(all?.means.peakAuc);
}

/** Names the classes for which a detector has no number, and why, in sentences. */
function describeMissing(entries: readonly Entry[]): string[] {
  const own = entries.filter(({ protocol }) => protocol === "detection");
  const classes = own.flatMap(({ summary }) => summary.classes);
  const { unit, count } = own[0]?.summary.units ?? {};
  const sentence = (isMissing: (own: typeof classes[number]) => boolean, why: string) => {
    const names = [...new Set(classes.filter(isMissing).map(({ category }) => category))];
    return names.length === 0
      ? []
      : [`${why} ${new Intl.ListFormat("en").format(names.map((name) => quote(name)))}.`];
  };
  return [
    ...(unit
      ? [`The intervals of detection draw ${unit}s with all their classes, of ${count} ${unit}s.`]
      : []),
    ...sentence(({ present, count }) => present === count, "AUROC needs an image without"),
    ...sentence(({ present }) => present === 0, "AUROC and AP need an image with"),
    ...sentence(
      ({ present, means }) => present! > 0 && Number.isNaN(means.ap),
      "AP needs a box, and the dataset has none of",
    ),
  ];
}

/** Rows of counts below the numbers of a protocol. */
function countRows(protocol: ProtocolName, { classes }: ProtocolSummary) {
  const label = protocol === "per-box" ? "boxes" : protocol === "detection" ? "images" : "samples";
  const present = (category: string) =>
    classes.find((own) => own.category === category)?.present ?? 0;
  return [
    { label },
    ...(protocol === "detection" ? [{ label: "with the class", count: present }] : []),
  ] as readonly { label: string; count?: (category: string) => number }[];
}

/** Sentences about the columns and numbers of the protocols in a table. */
function describeProtocols(entries: readonly Entry[]): string[] {
  const hasVersion = ({ summary }: Entry) => summary.all && !summary.weighted;
  const lower = [...new Set(entries.flatMap(({ protocol }) => LOWER[protocol] ?? []))];
  return [
    ...(lower.length > 0
      ? [`Of the ${new Intl.ListFormat("en").format(lower)} lower is better.`]
      : []),
    ...(entries.some(({ summary }) => summary.weighted) ? [RELEASED] : []),
    ...(entries.some(lacksNegatives)
      ? ["No phrase with nothing to find was evaluated, which existence and n-acc compare with."]
      : []),
    ...(entries.some(hasVersion) ? [`${ALL} scores the samples of all classes together.`] : []),
  ];
}

/** Whether any summary has scores by further protocols. */
export function hasProtocols(summaries: Readonly<Record<string, Summary>>): boolean {
  return entriesOf(summaries).length > 0;
}

/**
 * Makes a table of each protocol's numbers by class, with the number of samples or boxes counted.
 *
 * @param summaries Summaries by the name of the setting or method; at least one.
 * @param options Labels of methods, and more sentences for the caption.
 */
export function makeProtocolTable(
  summaries: Readonly<Record<string, Summary>>,
  options: TableOptions = {},
): ResultTable {
  const { methods, readers, notes = [] } = options;
  const columns = columnsOf(summaries);
  const groups = entriesOf({ ...summaries, ...readers }).map((
    { setting, protocol, summary },
  ): TableGroup => ({
    method: [markLeak(methods?.[setting] ?? setting, setting, options), protocol]
      .filter((part) => part !== "").join(": "),
    rows: [
      ...numbersOf(protocol).map((score) => ({
        label: SCORE_STYLES[score].label,
        cells: columns.map((column): TableCell => {
          const { means, intervals } = meansIn(summary, column) ?? {};
          return makeCell(score, means?.[score], intervals?.[score]);
        }),
      })),
      ...countRows(protocol, summary).map(({ label, count }) => ({
        label,
        cells: textCells(columns.map((column) => countOf(summary, column, count))),
      })),
    ],
  }));
  return {
    columns,
    groups,
    caption: [
      "Scores by further protocols.",
      `Means over samples; ${AVERAGE} is the unweighted mean over the classes. ` +
      "Overlaps, hits and areas under curves are in per cent; higher is better.",
      ...describeProtocols(entriesOf(summaries)),
      describeIntervals(Object.values(summaries)[0]!),
      ...describeGaps(summaries),
      ...describeReaders(readers),
      ...notes,
    ],
  };
}

/** Says which numbers of a detector are missing, and which protocols leave out samples with masks. */
export function describeGaps(summaries: Readonly<Record<string, Summary>>): string[] {
  const missing = describeMissing(entriesOf(summaries));
  const masked = Math.max(...Object.values(summaries).map(({ masked = 0 }) => masked));
  const shown = new Set(entriesOf(summaries).map(({ protocol }) => protocol));
  const names = BOX_PROTOCOLS.filter((name) => shown.has(name));
  if (masked === 0 || names.length === 0) return missing;
  return [
    ...missing,
    `${new Intl.ListFormat("en").format(names)} ${names.length > 1 ? "need" : "needs"} boxes: ` +
    `${masked === 1 ? "a sample" : `${masked} samples`} with masks as ground truth ` +
    `${masked === 1 ? "does" : "do"} not count there.`,
  ];
}

const COLUMNS = "protocol setting class score unit value low high count".split(" ");

/** Formats the same numbers as CSV, with all digits. */
export function formatProtocolCsv(
  summaries: Readonly<Record<string, Summary>>,
  { readers }: TableOptions = {},
): string {
  const columns = columnsOf(summaries);
  const rows = entriesOf({ ...summaries, ...readers }).flatMap(({ setting, protocol, summary }) =>
    numbersOf(protocol).flatMap((score) =>
      columns.map((column) => {
        const { means, intervals } = meansIn(summary, column) ?? {};
        const { factor } = SCORE_STYLES[score];
        const [low, high] = intervals?.[score]?.map((value) => factor * value) ?? [];
        return {
          ...{ protocol, setting, class: column, ...csvNumber(score, means?.[score]), low, high },
          count: countOf(summary, column),
        };
      })
    )
  );
  return stringify(rows, { columns: COLUMNS });
}

function entriesOf(summaries: Readonly<Record<string, Summary>>): Entry[] {
  return Object.entries(summaries).flatMap(([setting, { protocols = {} }]) =>
    Object.entries(protocols).map(([protocol, summary]) => ({
      setting,
      summary,
      protocol: protocol as ProtocolName,
    }))
  );
}

/** Classes, their average, and the numbers of all samples if a protocol has them. */
function columnsOf(summaries: Readonly<Record<string, Summary>>): string[] {
  const all = entriesOf(summaries).map(({ summary }) => summary);
  const further = [
    ...(all.some(({ all }) => all) ? [ALL] : []),
    ...(all.some(({ weighted }) => weighted) ? [WEIGHTED] : []),
  ];
  return [...categories(Object.values(summaries)), AVERAGE, ...further];
}

function meansIn(summary: ProtocolSummary, column: string): ProtocolMeans | undefined {
  if (column === ALL) return summary.all;
  return column === WEIGHTED ? summary.weighted : meansOf(summary, column);
}

function countOf(
  summary: ProtocolSummary,
  column: string,
  countOfClass?: (category: string) => number,
): number {
  const isOfAll = column === AVERAGE || column === ALL && summary.all ||
    column === WEIGHTED && summary.weighted;
  const own = summary.groups?.find(({ group }) => meanColumn(group) === column)?.categories ??
    [column];
  const isIn = (category: string) => isOfAll || own.includes(category);
  return summary.classes.filter(({ category }) => isIn(category))
    .reduce((sum, { category, count }) => sum + (countOfClass?.(category) ?? count), 0);
}
