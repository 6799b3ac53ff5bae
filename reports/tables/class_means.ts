import { CLASSES } from "../../datasets/sample.ts";
import type { NumberRows } from "./number_rows.ts";
import { bootstrapMeans, type Interval } from "./bootstrap.ts";

/** Name of the column with the averages. */
export const AVERAGE = "Avg";

/** Name of the column with the mean over a group of classes. */
export function meanColumn(group: string): string {
  return `${group} mean`;
}

/** Means of the numbers of a row. */
export interface NumberMeans {
  /** The means, in the order of the row. */
  readonly means: readonly number[];
  /** Bootstrap intervals; absent if a class has a single sample, which has no spread. */
  readonly intervals?: readonly Interval[];
}

export interface MeansByClass {
  /** One entry per class, in the order of {@linkcode inClassOrder}. */
  readonly classes: readonly (NumberMeans & {
    readonly category: string;
    readonly count: number;
  })[];
  /** Unweighted mean over the classes; absent if there is no class. */
  readonly average?: NumberMeans;
  /** Unweighted means over the classes of each group, in alphabetical order. */
  readonly groups: readonly (NumberMeans & {
    readonly group: string;
    readonly categories: readonly string[];
  })[];
}

/** Name of each class's group, by class; classes without a group are left out. */
export type ClassGroups = ReadonlyMap<string, string>;

/**
 * Computes the means of each class, their average, and the average of each group of classes.
 *
 * @param rows Rows by class; one row per sample.
 * @param width Numbers per row.
 * @param groups Group of each class, if the dataset has groups.
 */
export function meansByClass(
  rows: ReadonlyMap<string, NumberRows>,
  width: number,
  groups: ClassGroups = new Map(),
): MeansByClass {
  const categories = inClassOrder(rows.keys());
  if (categories.length === 0) return { classes: [], groups: [] };
  const samples = categories.map((category) => rows.get(category)!.sorted());
  const means = samples.map((values) => meansOf(values, width));
  const intervals = bootstrapMeans(samples, width);
  const counts = categories.map((category) => rows.get(category)!.count);
  return {
    classes: categories.map((category, i) => ({
      category,
      count: counts[i]!,
      means: means[i]!,
      ...(counts[i]! > 1 && { intervals: intervals.classes[i]! }),
    })),
    average: {
      means: meansOf(Float64Array.from(means.flat()), width),
      ...(counts.every((count) => count > 1) && { intervals: intervals.average }),
    },
    groups: [...new Set(groups.values())].sort().flatMap((group) => {
      const own = new Map([...rows].filter(([name]) => groups.get(name) === group));
      const { classes, average } = meansByClass(own, width);
      return average
        ? [{ group, categories: classes.map(({ category }) => category), ...average }]
        : [];
    }),
  };
}

/** Sorts classes: the paper's classes in its order, then other classes by name. */
export function inClassOrder(categories: Iterable<string>): string[] {
  const found = new Set(categories);
  return [...new Set<string>([...CLASSES, ...[...found].sort()])].filter((name) => found.has(name));
}

/** Column means of row-major values, without missing values; NaN if all of a column are missing. */
export function meansOf(values: Float64Array, width: number): number[] {
  const sums = new Array<number>(width).fill(0);
  const counts = new Array<number>(width).fill(0);
  values.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    sums[i % width]! += value;
    counts[i % width]!++;
  });
  return sums.map((sum, column) => sum / counts[column]!);
}
