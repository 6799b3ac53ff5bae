/**
 * The table of a run's scores by further protocols.
 *
 * @module
 */

import { stringify } from "@std/csv";
import { BOX_PROTOCOLS, type ProtocolName, PROTOCOLS } from "../../scoring/protocols.ts";
import type { ProtocolSummary } from "./protocol_summary.ts";
import {
  AVERAGE,
  categories,
  describeIntervals,
  makeCell,
  meansOf,
  type ResultTable,
  SCORE_STYLES,
  type TableCell,
  type TableGroup,
  type TableOptions,
  unitOf,
} from "./result_table.ts";
import type { Summary } from "./summary.ts";

/** Summary of one setting by one protocol. */
interface Entry {
  readonly setting: string;
  readonly protocol: ProtocolName;
  readonly summary: ProtocolSummary;
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
  { methods, notes = [] }: TableOptions = {},
): ResultTable {
  const columns = [...categories(Object.values(summaries)), AVERAGE];
  const groups = entriesOf(summaries).map(({ setting, protocol, summary }): TableGroup => ({
    method: [methods?.[setting] ?? setting, protocol].filter((part) => part !== "").join(": "),
    isPublished: false,
    rows: [
      ...PROTOCOLS[protocol].map((score) => ({
        label: SCORE_STYLES[score].label,
        cells: columns.map((column): TableCell => {
          const { means, intervals } = meansOf(summary, column) ?? {};
          return makeCell(score, means?.[score], intervals?.[score]);
        }),
      })),
      {
        label: protocol === "per-box" ? "boxes" : "samples",
        cells: columns.map((column) => ({ text: String(countOf(summary, column)) })),
      },
    ],
  }));
  return {
    columns,
    groups,
    counts: [],
    hasMarks: false,
    caption: [
      "Scores by further protocols.",
      `Means over samples; ${AVERAGE} is the unweighted mean over the classes. ` +
      "Overlaps, hits and areas under curves are in per cent; higher is better.",
      describeIntervals(Object.values(summaries)[0]!),
      ...describeMasked(summaries),
      ...notes,
    ],
  };
}

/** Says which protocols leave out samples with masks, in a sentence; none without such samples. */
export function describeMasked(summaries: Readonly<Record<string, Summary>>): string[] {
  const masked = Math.max(...Object.values(summaries).map(({ masked = 0 }) => masked));
  const shown = new Set(entriesOf(summaries).map(({ protocol }) => protocol));
  const names = BOX_PROTOCOLS.filter((name) => shown.has(name));
  if (masked === 0 || names.length === 0) return [];
  return [
    `${names.join(" and ")} ${names.length > 1 ? "need" : "needs"} boxes: ` +
    `${masked === 1 ? "a sample" : `${masked} samples`} with masks as ground truth ` +
    `${masked === 1 ? "does" : "do"} not count there.`,
  ];
}

const COLUMNS = [
  "protocol",
  "setting",
  "class",
  "score",
  "unit",
  "value",
  "low",
  "high",
  "count",
];

/** Formats the same numbers as CSV, with all digits. */
export function formatProtocolCsv(summaries: Readonly<Record<string, Summary>>): string {
  const columns = [...categories(Object.values(summaries)), AVERAGE];
  const rows = entriesOf(summaries).flatMap(({ setting, protocol, summary }) =>
    PROTOCOLS[protocol].flatMap((score) =>
      columns.map((column) => {
        const { means, intervals } = meansOf(summary, column) ?? {};
        const { key, factor } = SCORE_STYLES[score];
        const [low, high] = intervals?.[score]?.map((value) => factor * value) ?? [];
        return {
          protocol,
          setting,
          class: column,
          score: key,
          unit: unitOf(score),
          value: means && factor * means[score]!,
          low,
          high,
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

function countOf(summary: ProtocolSummary, column: string): number {
  const means = meansOf(summary, column);
  const isIn = (category: string) =>
    column === AVERAGE || category === column ||
    means !== undefined && "categories" in means && means.categories.includes(category);
  return summary.classes.filter(({ category }) => isIn(category))
    .reduce((sum, { count }) => sum + count, 0);
}
