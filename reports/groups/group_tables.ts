import { printable, quote } from "../../base/text.ts";
import type { NumberName } from "../../scoring/protocols.ts";
import {
  formatScore,
  makeCell,
  type ResultTable,
  SCORE_STYLES,
  textCells,
} from "../tables/result_table.ts";
import type { GroupNumber, GroupTable, RunGroups } from "./group_scores.ts";

/** Ids of samples that a sentence names; the JSON has all. */
const SHOWN = 5;

/** Says how samples were grouped and intervals were made, in sentences. */
export function describeGroups(
  { samples, unit, units, bootstrap, unjoined, notes }: RunGroups,
): string[] {
  const named = unjoined.slice(0, SHOWN).map((id) => quote(id, 60)).join(", ");
  return [
    ...notes,
    ...(unjoined.length > 0
      ? [
        `${unjoined.length} samples have no row in the table, and are unknown: ${named}` +
        (unjoined.length > SHOWN ? " and others." : "."),
      ]
      : []),
    `Means over the samples of a group. Intervals hold ${100 * bootstrap.level} % of ` +
    `${bootstrap.resamples} bootstrap draws of ${unit}s, seed ${bootstrap.seed}; none for a group of ` +
    `a single ${unit}. The run has ${samples} samples of ${units} ${unit}s.`,
    `The gap is that of the best group to the worst, among known groups of at least two ${unit}s. ` +
    "Some gap is expected by chance.",
  ];
}

/** Makes a table for each setting and protocol, with the facts below each other. */
export function groupTables(
  { unit, tables }: RunGroups,
  labels: Readonly<Record<string, string>> = {},
): ResultTable[] {
  const keyOf = ({ setting, protocol }: GroupTable) => JSON.stringify([setting, protocol]);
  return [...Map.groupBy(tables, keyOf).values()].map((own): ResultTable => {
    const { setting, protocol } = own[0]!;
    const has = ({ numbers }: GroupTable["groups"][0], score: NumberName) => score in numbers;
    const scores = (Object.keys(SCORE_STYLES) as NumberName[]).filter((score) =>
      own.some(({ groups }) => groups.some((group) => has(group, score)))
    );
    const label = labels[setting] ?? setting;
    return {
      columns: ["samples", `${unit}s`, ...scores.map((score) => SCORE_STYLES[score].label)],
      groups: own.map(({ by, groups, gaps }) => ({
        method: by,
        rows: [
          ...groups.map(({ group, samples, units, numbers }) => ({
            label: group,
            cells: [
              ...textCells([samples, units]),
              ...scores.map((score) =>
                makeCell(score, numbers[score]?.value, endsOf(numbers[score]))
              ),
            ],
          })),
          ...(gaps.length > 0 ? gapRows(scores, gaps) : []),
        ],
      })),
      caption: [
        `Scores by group${label === "" ? "" : ` of ${printable(label)}`}, protocol ${protocol}.`,
      ],
    };
  });
}

function endsOf(number: GroupNumber | undefined): readonly [number, number] | undefined {
  return number?.low === undefined ? undefined : [number.low, number.high!];
}

/** Rows with the worst group of each score, and with its gap to the best. */
function gapRows(scores: readonly NumberName[], gaps: GroupTable["gaps"]) {
  const found = scores.map((score) => gaps.find((gap) => gap.score === score));
  const worst = textCells(["", "", ...found.map((gap) => gap?.worst)]);
  const cells = found.map((gap, i) => makeCell(scores[i]!, gap?.value, endsOf(gap)));
  return [
    { label: "worst group", cells: worst },
    { label: "gap to the best", cells: [...textCells(["", ""]), ...cells] },
  ];
}

/** Says the gap of each fact by the first score of each table, a line each. */
export function describeGaps(
  { tables }: RunGroups,
  labels: Readonly<Record<string, string>> = {},
): string[] {
  return tables.flatMap(({ setting, protocol, by, gaps }) => {
    const gap = gaps.find(({ score }) => score === "miou") ?? gaps[0];
    if (!gap) return [];
    const { score, worst, best, value, low, high } = gap;
    const ends = low === undefined
      ? ""
      : ` [${formatScore(score, low)}, ${formatScore(score, high!)}]`;
    const of = [labels[setting] ?? setting, protocol].filter(Boolean).join(", ");
    return [
      `${by} (${of}): worst by ${SCORE_STYLES[score].label} is ${worst}, ` +
      `${formatScore(score, value)}${ends} from ${best}.`,
    ];
  });
}

/** Formats scores by groups as JSON, with all digits and the ids of all samples without a row. */
export function groupsJson(groups: RunGroups): string {
  return JSON.stringify(groups, null, 1) + "\n";
}
