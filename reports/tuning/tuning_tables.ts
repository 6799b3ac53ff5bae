import { stringify } from "@std/csv";
import { comparisonCsv, comparisonTables } from "../compare/comparison_tables.ts";
import { BOOTSTRAP } from "../tables/bootstrap.ts";
import { formatScore, type ResultTable, SCORE_STYLES, textCells } from "../tables/result_table.ts";
import { type Candidate, describeCandidate } from "./candidates.ts";
import { type Choices, POOLED, TUNED } from "./cross_validate.ts";
import type { Tuning } from "./tune_run.ts";
import { ALL } from "../statistics/scored_numbers.ts";

/** The choices by class, and for all classes together. */
function rowsOf({ classes, pooled }: Tuning): [string, Choices][] {
  return [...classes, [ALL, pooled]];
}

/**
 * Makes a table of each comparison with the fixed setting, and a table of the choices. Of the choice
 * for all classes only the metric is shown.
 */
export function tuningTables(tuning: Tuning): ResultTable[] {
  const { candidates, folds, numbers, metric } = tuning;
  const rows = rowsOf(tuning).map(([label, choices]) => {
    const { candidate, units, samples, value } = choices.whole;
    const { layers, steps, sigma, threshold } = candidates[candidate]!;
    const agreeing = choices.folds.filter((fold) => fold.candidate === candidate).length;
    const cells = [
      ...[units, samples, `${layers}`, `${steps[0]}..${steps[1]}`, sigma, threshold],
      formatScore(metric.score, value),
      `${agreeing}/${folds}`,
    ];
    return {
      label: choices.whole.isPooled ? `${label} (${ALL})` : label,
      cells: textCells(cells),
    };
  });
  const shown = numbers.filter(({ method, score }) => method === TUNED || score === metric.score);
  return [
    ...comparisonTables({ numbers: shown, misses: [] }),
    {
      columns: [
        ...[`${tuning.unit}s`, "samples", "layers", "steps", "sigma", "threshold"],
        ...[`${SCORE_STYLES[metric.score].label} seen`, "folds agreeing"],
      ],
      groups: [{ method: "", rows }],
      caption: [
        `Choices on all ${tuning.unit}s. The last columns have the score that the choice saw, which ` +
        "is too good, and the folds that choose the same.",
      ],
    },
  ];
}

/** Says how the tuning was made, in sentences. */
export function describeTuning(tuning: Tuning): string[] {
  const { samples, planned, units, unit, folds, seed, candidates, metric } = tuning;
  const { level, resamples, seed: draws } = BOOTSTRAP;
  const few = [...tuning.classes].filter(([, { whole }]) => whole.isPooled);
  const partly = [...tuning.classes].flatMap(([name, { whole, folds }]) =>
    whole.isPooled
      ? []
      : folds.flatMap(({ isPooled }, fold) => isPooled ? [`${name} in fold ${fold + 1}`] : [])
  );
  return [
    `${samples.length} samples of ${units} ${unit}s in ${folds} folds, seed ${seed}; ` +
    `${
      unit === "patient" ? "patients" : "images, since the dataset does not tell the patients,"
    } ` +
    "are never divided.",
    ...(samples.length < planned
      ? [
        `${
          planned - samples.length
        } other samples have no ${metric.protocol} scores and do not count.`,
      ]
      : []),
    `${candidates.length} settings, chosen by ${SCORE_STYLES[metric.score].label} of protocol ` +
    `${metric.protocol}. Fixed: ${describeCandidate(candidates[0]!)}.`,
    `"${TUNED}" and "${POOLED}" score each fold by the choice on all other folds, so that no ` +
    "score was chosen on.",
    `Intervals hold ${100 * level} % of ${resamples} paired bootstrap draws of ${unit}s, seed ` +
    `${draws}, with the choices as they are.`,
    ...(few.length > 0
      ? [
        `Too few ${unit}s for a choice of their own, fewer than ${folds}; the choice for all ` +
        `classes is theirs: ${
          few.map(([name, { whole }]) => `${name} (${whole.units})`).join(", ")
        }.`,
      ]
      : []),
    ...(partly.length > 0
      ? [
        `Too few ${unit}s in the other folds, so that the choice for all classes is taken: ` +
        `${partly.join(", ")}.`,
      ]
      : []),
  ];
}

/** A candidate as columns of a CSV file. */
function columnsOf({ layers, steps, sigma, threshold }: Candidate) {
  return { layers: layers.join(), start: steps[0], end: steps[1], sigma, threshold };
}

const COLUMNS = [
  ...["class", "without_fold", "units", "samples", "pooled"],
  ...["layers", "start", "end", "sigma", "threshold", "seen"],
];

/** Formats a tuning as files: JSON with everything, and CSV of the scores and of the choices. */
export function tuningFiles(tuning: Tuning): Record<string, string> {
  const { candidates, metric, foldOf, samples, numbers } = tuning;
  const choices = rowsOf(tuning).flatMap(([name, { whole, folds }]) =>
    [whole, ...folds].map(({ candidate, value, units, samples, isPooled }, place) => ({
      class: name,
      ...(place > 0 && { fold: place }),
      ...{ units, samples, pooled: isPooled, ...columnsOf(candidates[candidate]!), seen: value },
    }))
  );
  const rows = choices.map(({ fold, ...row }) => ({ ...row, without_fold: fold }));
  const setting = ({ candidate, ...choice }: Choices["whole"]) => ({
    ...choice,
    setting: candidates[candidate]!,
  });
  const json = {
    metric: { protocol: metric.protocol, score: metric.score },
    ...{ unit: tuning.unit, units: tuning.units, folds: tuning.folds, seed: tuning.seed },
    bootstrap: BOOTSTRAP,
    fixed: candidates[0]!,
    settings: candidates.length,
    notes: describeTuning(tuning),
    choices: Object.fromEntries(
      rowsOf(tuning).map(([name, { whole, folds }]) => [
        name,
        { ...setting(whole), folds: folds.map(setting) },
      ]),
    ),
    numbers,
    samples: samples.map(({ id, category, unit }) => ({
      ...{ id, class: category, unit, fold: foldOf.get(unit)! + 1 },
    })),
  };
  return {
    "tuning.json": JSON.stringify(json, null, 1) + "\n",
    "tuning.csv": comparisonCsv(numbers),
    "tuning-settings.csv": stringify(rows, { columns: COLUMNS }),
  };
}
