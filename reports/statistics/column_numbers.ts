import type { Pool } from "../../scoring/protocols/pools.ts";
import type { Interval } from "../tables/bootstrap.ts";
import type { ClassGroups } from "../tables/class_means.ts";
import { ClassColumns } from "./class_columns.ts";
import { type CohortSample, estimate, type Estimator } from "./cohort.ts";
import { unitIntervals } from "./resample_units.ts";

/** Numbers of a class, of a mean over classes, or of all samples together. */
export interface ColumnNumbers {
  /** Name of the column, as of {@linkcode ClassColumns}. */
  readonly name: string;
  readonly means: readonly number[];
  /** Absent if the column has a single unit, which has no spread. */
  readonly intervals?: readonly Interval[];
}

/** The functions of {@linkcode estimate}, by columns. */
export interface ColumnEstimator extends Estimator {
  readonly columns: ClassColumns;
}

/**
 * Makes the functions of samples by the columns of {@linkcode ClassColumns}.
 *
 * @param samples The samples; sums run in their order.
 * @param groups Group of each class, if the dataset has groups.
 * @param width Numbers of a column.
 * @param pool Scores samples together; by default the numbers are means over the entries.
 */
export function estimateColumns(
  samples: readonly CohortSample[],
  groups: ClassGroups,
  width: number,
  pool?: Pool,
): ColumnEstimator {
  const columns = new ClassColumns(samples.map(({ category }) => category), groups);
  const { unitCount, values, differences } = estimate(samples, columns.classes, width, pool);
  return {
    ...{ columns, unitCount },
    values: (weights) => values(weights).map((rows) => columns.of(rows, width)),
    differences: (isSwapped) => columns.of(differences(isSwapped), width),
  };
}

/**
 * Computes numbers of each column, with intervals of which each draw takes units with replacement.
 * The parameters are those of {@linkcode estimateColumns}, for samples of one method.
 *
 * @returns Columns in the order of {@linkcode ClassColumns}, and the number of units.
 */
export function columnNumbers(
  samples: readonly CohortSample[],
  groups: ClassGroups,
  width: number,
  pool?: Pool,
): { readonly columns: readonly ColumnNumbers[]; readonly unitCount: number } {
  const { columns, unitCount, values } = estimateColumns(samples, groups, width, pool);
  const numbers = (weights: Float64Array) => values(weights)[0]!;
  const means = numbers(new Float64Array(unitCount).fill(1));
  const found = unitIntervals(unitCount, numbers);
  const of = <T>(all: ArrayLike<T>, column: number) =>
    Array.from({ length: width }, (_, i) => all[column * width + i]!);
  return {
    unitCount,
    columns: columns.names.map((name, column) => {
      const members = samples.filter(({ category }) => columns.isIn(category, name));
      const isSpread = new Set(members.map(({ unit }) => unit)).size > 1;
      const none: Interval = [NaN, NaN];
      const intervals = of(found, column).map((interval) => interval ?? none);
      return { name, means: of(means, column), ...(isSpread && { intervals }) };
    }),
  };
}
