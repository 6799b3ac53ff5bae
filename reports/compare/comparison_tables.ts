import { stringify } from "@std/csv";
import {
  csvNumber,
  formatScore,
  inUnit,
  NONE,
  type ResultTable,
  SCORE_STYLES,
  signed,
  textCells,
} from "../tables/result_table.ts";
import { formatLatex } from "../tables/table_latex.ts";
import type { ComparedNumber, Comparison } from "./compare.ts";

/** Formats a p-value with four digits. */
function formatP(p: number): string {
  return Number.isNaN(p) ? NONE : p < 0.0001 ? "<0.0001" : p.toFixed(4);
}

/** Says how intervals and tests were made, in sentences. */
export function describeComparison({ columns, ...comparison }: Comparison): string[] {
  const { samples, units, unit, bootstrap, flips, notes } = comparison;
  const source = unit === "patient"
    ? "as the dataset tells them"
    : "since the dataset does not tell the patients";
  return [
    `${samples} samples of ${units} ${unit}s, compared with ${columns[0]}.`,
    `Intervals hold ${
      100 * bootstrap.level
    } % of ${bootstrap.resamples} paired bootstrap draws of ` +
    `${unit}s, ${source}; seed ${bootstrap.seed}.`,
    `p is two-sided, by sign flips of ${unit}s: all flips if there are at most ${flips.means} ` +
    `(${flips.pools} for scores of samples together), otherwise as many random flips, seed ` +
    `${flips.seed}.`,
    "Holm corrects p over all methods, protocols and scores of a class.",
    "Better, equal and worse count samples.",
    ...notes,
  ];
}

/**
 * Makes a table for each compared method and protocol, and a table of complete misses for each
 * method. A row is a score of a class.
 */
export function comparisonTables(
  { numbers, misses }: Pick<Comparison, "numbers" | "misses">,
): ResultTable[] {
  const tables = Map.groupBy(
    numbers,
    ({ method, against, protocol }) => JSON.stringify([method, against, protocol]),
  );
  const scores = [...tables.values()].map((own): ResultTable => {
    const { method, against, protocol } = own[0]!;
    return {
      columns: [
        ...["samples", against, method, "difference", "95 % interval", "p", "Holm"],
        ...["better", "equal", "worse"],
      ],
      groups: [...Map.groupBy(own, (number) => number.class)].map(([name, rows]) => ({
        method: name,
        rows: rows.map((number) => ({
          label: SCORE_STYLES[number.score].label,
          cells: textCells([
            number.samples,
            formatScore(number.score, number.valueAgainst),
            formatScore(number.score, number.value),
            signed(number.score, number.difference),
            number.low === undefined
              ? undefined
              : `${signed(number.score, number.low)} to ${signed(number.score, number.high!)}`,
            ...[number.p, number.pHolm].map(formatP),
            ...[number.wins, number.ties, number.losses],
          ]),
        })),
      })),
      caption: [`${method} against ${against}, protocol ${protocol}.`],
    };
  });
  const missed = [...Map.groupBy(misses, ({ method }) => method)].map(([method, own]) => ({
    columns: ["samples", "both", `only ${own[0]!.against}`, `only ${method}`, "p", "Holm"],
    groups: [{
      method: "",
      rows: own.map((row) => ({
        label: row.class,
        cells: textCells([
          ...[row.samples, row.both, row.onlyAgainst, row.onlyMethod],
          ...[row.p, row.pHolm].map(formatP),
        ]),
      })),
    }],
    caption: [
      `Complete misses of ${method} and ${own[0]!.against}: samples with mIoU 0, where no mask ` +
      "overlaps the ground truth. p is McNemar's exact test over samples.",
    ],
  }));
  return [...scores, ...missed];
}

/** Formats the samples that differ most, a line each. */
export function describeMost({ most }: Comparison): string[] {
  return [...Map.groupBy(most, ({ method }) => method)].flatMap(([method, own]) => [
    `Samples that differ most, mIoU % of ${own[0]!.against} and ${method}:`,
    ...own.map(({ id, phrase, miou, miouAgainst }) =>
      `  ${formatScore("miou", miouAgainst).padStart(5)} ${
        formatScore("miou", miou).padStart(5)
      }  ${id}  ${phrase}`
    ),
  ]);
}

const COLUMNS = [
  ...["method", "against", "protocol", "class", "score", "unit", "samples", "units"],
  ...["against_value", "value", "difference", "low", "high", "p", "p_holm"],
  ...["wins", "ties", "losses"],
];

/** A number as a row of a CSV file, in the unit of its score. */
export function numberRow<T extends Omit<ComparedNumber, "method" | "against" | "pHolm">>(
  number: T,
) {
  const { score, value, low, high } = number;
  return {
    ...{ ...number, ...csvNumber(score, value, [low, high]) },
    against_value: inUnit(score, number.valueAgainst),
    difference: inUnit(score, number.difference),
  };
}

/** Formats compared numbers as CSV with all digits. */
export function comparisonCsv(numbers: readonly ComparedNumber[]): string {
  const rows = numbers.map((number) => ({ ...numberRow(number), p_holm: number.pHolm }));
  return stringify(rows, { columns: COLUMNS });
}

/** Formats a comparison as files: JSON with everything, CSV with all digits, and LaTeX. */
export function comparisonFiles(comparison: Comparison): Record<string, string> {
  const tables = comparisonTables(comparison);
  const caption = describeComparison(comparison);
  return {
    "comparison.json": JSON.stringify(comparison, null, 1) + "\n",
    "comparison.csv": comparisonCsv(comparison.numbers),
    "comparison.tex": tables.map((table, i) =>
      formatLatex(
        { ...table, caption: [...table.caption, ...(i === 0 ? caption : [])] },
        `comparison-${i + 1}`,
      )
    ).join("\n"),
  };
}
