import { stringify } from "@std/csv";
import { numberRow } from "../compare/comparison_tables.ts";
import { AVERAGE } from "../tables/class_means.ts";
import {
  makeCell,
  NONE,
  type ResultTable,
  signed,
  type TableCell,
  type TableOptions,
  textCells,
} from "../tables/result_table.ts";
import { formatScore, SCORE_STYLES } from "../tables/result_table.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { numbersOf } from "../../scoring/protocols.ts";
import { type Control, type ControlNumber, CONTROLS, type Controls } from "./controls.ts";
import { CENTER_SIGMA, FLOOR_SIDE } from "./floors.ts";
import { ALL } from "../statistics/scored_numbers.ts";

/** Names of controls in tables. */
const LABELS: Readonly<Record<Control, string>> = {
  "other-class": "another class",
  "other-side": "other side",
  "mirrored": "mirrored",
  "centre": "centre Gaussian",
  "mean-truth": "mean truth",
  "mean-truth-of-class": "mean truth of class",
  "mean-map": "mean map",
  "mean-map-of-class": "mean map of class",
  "empty": "contrast",
};

/** Makes the cell of a difference. */
function differenceCell(number: ControlNumber | undefined): TableCell {
  if (!number) return { text: NONE };
  const { score, difference, low, high } = number;
  const interval = low !== undefined && high !== undefined ? [low, high] as const : undefined;
  return makeCell(score, difference, interval, signed);
}

/**
 * Makes the table of the controls, and the table of the existence score by contrast if the run has it.
 *
 * @param controls Controls of the run; no table without them.
 */
export function makeControlTables(
  controls: Controls | undefined,
  { methods, notes = [] }: TableOptions = {},
): ResultTable[] {
  const all = Object.entries(controls?.variants ?? {});
  if (!controls || all.length === 0) return [];
  const { unit, bootstrap: { level, resamples, seed }, unanswered, unread } = controls;
  const intervals = `In brackets ${100 * level} % intervals: percentiles of ${resamples} paired ` +
    `bootstrap draws of ${unit}s, seed ${seed}; none with a single ${unit}.`;
  const table: ResultTable = {
    columns: [...SCORES.map((score) => SCORE_STYLES[score].label), "better %", "samples"],
    groups: all.map(([name, numbers]) => ({
      method: methods?.[name] ?? name,
      rows: CONTROLS.flatMap((control) => {
        const found = SCORES.map((score) => find(numbers, control, AVERAGE, score));
        const miou = find(numbers, control, AVERAGE, "miou");
        if (!miou) return [];
        const { wins = 0, ties = 0, losses = 0, samples } = miou;
        const better = (100 * wins / (wins + ties + losses)).toFixed(1);
        return [{
          label: LABELS[control],
          cells: [...found.map(differenceCell), ...textCells([better, samples])],
        }];
      }),
    })),
    caption: [
      "Does the method listen? Scores of the samples minus those of their controls, as means over " +
      "the classes; better is the share of samples with a higher mIoU than their control.",
      "Another class, other side: another phrase on the same image, scored against the truth of the " +
      "sample. Mirrored: mirrored image, phrase and truth; no difference is best.",
      `Floors know no phrase. Centre Gaussian: standard deviation ${CENTER_SIGMA} of the map's side. ` +
      `Means, on ${FLOOR_SIDE}x${FLOOR_SIDE} cells, leave out all samples of the sample's ${unit}: ` +
      "of ground truth and of the method's maps, over all samples or over the class.",
      intervals,
      ...(unanswered > 0
        ? [`${unanswered} question${unanswered === 1 ? " has" : "s have"} no answer that counts.`]
        : []),
      ...(unread > 0
        ? [`${unread} results could not be read again with their heatmap and ground truth.`]
        : []),
      ...notes,
    ],
  };
  const contrast = all.filter(([, numbers]) => find(numbers, "empty", ALL, "peakAuc"));
  if (contrast.length === 0) return [table];
  const scores = numbersOf("existence");
  const cells = (numbers: readonly ControlNumber[], of: (number: ControlNumber) => TableCell) =>
    scores.map((score) => {
      const number = find(numbers, "empty", ALL, score);
      return number ? of(number) : { text: NONE };
    });
  const value = (pick: (number: ControlNumber) => number) => (number: ControlNumber) => ({
    text: formatScore(number.score, pick(number)),
  });
  return [table, {
    columns: scores.map((score) => SCORE_STYLES[score].label),
    groups: contrast.map(([name, numbers]) => ({
      method: methods?.[name] ?? name,
      rows: [
        { label: "by contrast", cells: cells(numbers, value(({ value }) => value)) },
        { label: "as it is", cells: cells(numbers, value(({ valueAgainst }) => valueAgainst)) },
        { label: "difference", cells: cells(numbers, differenceCell) },
      ],
    })),
    caption: [
      "Existence by contrast: the map of a phrase minus that of the empty phrase, both before they " +
      "are scaled to 0..1; scores of telling phrases with something to find from phrases without.",
      intervals,
      ...notes,
    ],
  }];
}

function find(
  numbers: readonly ControlNumber[],
  control: Control,
  column: string,
  score: string,
): ControlNumber | undefined {
  return numbers.find((number) =>
    number.control === control && number.class === column && number.score === score
  );
}

const COLUMNS = [
  ...["setting", "control", "class", "score", "unit", "samples", "units"],
  ...["against_value", "value", "difference", "low", "high", "p", "wins", "ties", "losses"],
];

/** Formats all numbers as CSV, with all digits. */
export function formatControlsCsv({ variants }: Controls): string {
  const rows = Object.entries(variants).flatMap(([setting, numbers]) =>
    numbers.map((number) => ({ setting, ...numberRow(number) }))
  );
  return stringify(rows, { columns: COLUMNS });
}
