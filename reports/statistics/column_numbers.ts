/**
 * Numbers by class with intervals over patients or images.
 *
 * @module
 */

import type { Pool } from "../../scoring/protocols/pools.ts";
import type { Interval } from "../tables/bootstrap.ts";
import type { ClassGroups } from "../tables/class_means.ts";
import { ClassColumns } from "./class_columns.ts";
import { estimate } from "./cohort.ts";
import { unitIntervals } from "./resample_units.ts";

/** Numbers of a sample, with its class and its unit: the name of the patient or the image. */
export interface UnitSample {
  readonly category: string;
  readonly unit: string;
  /** Row-major `[entries, fields]`. */
  readonly numbers: Float64Array;
}

/** Numbers of a class, of a mean over classes, or of all samples together. */
export interface ColumnNumbers {
  /** Name of the column, as of {@linkcode ClassColumns}. */
  readonly name: string;
  readonly means: readonly number[];
  /** Absent if the column has a single unit, which has no spread. */
  readonly intervals?: readonly Interval[];
}

/**
 * Computes numbers of each column, with intervals of which each draw takes units with replacement.
 *
 * @param samples The samples; sums run in their order.
 * @param groups Group of each class, if the dataset has groups.
 * @param width Numbers of a column.
 * @param pool Scores samples together; by default the numbers are means over the entries.
 * @returns Columns in the order of {@linkcode ClassColumns}, and the number of units.
 */
export function columnNumbers(
  samples: readonly UnitSample[],
  groups: ClassGroups,
  width: number,
  pool?: Pool,
): { readonly columns: readonly ColumnNumbers[]; readonly unitCount: number } {
  const units = [...new Set(samples.map(({ unit }) => unit))].sort();
  const places = new Map(units.map((name, place) => [name, place]));
  const columns = new ClassColumns(samples.map(({ category }) => category), groups, "All");
  const { values } = estimate({
    sides: [samples.map(({ numbers }) => numbers)],
    classes: samples.map(({ category }) => columns.placeOf(category)),
    units: samples.map(({ unit }) => places.get(unit)!),
    ...{ classCount: columns.classes.length, unitCount: units.length, width },
    ...(pool && { pool }),
  });
  const numbers = (weights: Float64Array) => columns.of(values(weights)[0]!, width);
  const means = numbers(new Float64Array(units.length).fill(1));
  const found = unitIntervals(units.length, numbers);
  const of = <T>(all: ArrayLike<T>, column: number) =>
    Array.from({ length: width }, (_, i) => all[column * width + i]!);
  return {
    unitCount: units.length,
    columns: columns.names.map((name, column) => {
      const members = samples.filter(({ category }) => columns.isIn(category, name));
      const isSpread = new Set(members.map(({ unit }) => unit)).size > 1;
      const none: Interval = [NaN, NaN];
      const intervals = of(found, column).map((interval) => interval ?? none);
      return { name, means: of(means, column), ...(isSpread && { intervals }) };
    }),
  };
}
