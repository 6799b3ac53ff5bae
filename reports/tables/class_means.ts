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

/** Means of classes, of groups of classes, and of all classes alike. */
export interface MeansByClass<N = NumberMeans> {
  /** One entry per class, in the order of {@linkcode inClassOrder}. */
  readonly classes: readonly (N & { readonly category: string; readonly count: number })[];
  /** Unweighted mean over the classes; absent if there is no class. */
  readonly average?: N;
  /** Unweighted means over the classes of each group, by name; absent if there is no group. */
  readonly groups?: readonly (N & {
    readonly group: string;
    readonly categories: readonly string[];
  })[];
}

/** Puts other numbers in place of all means; other members of the entries stay. */
export function mapMeans<T extends object>(
  { classes, average, groups }: MeansByClass,
  map: (means: NumberMeans) => T,
): MeansByClass<T> {
  const mapped = <F extends object>({ means, intervals, ...facts }: NumberMeans & F) => ({
    ...facts,
    ...map({ means, ...(intervals && { intervals }) }),
  });
  return {
    classes: classes.map(mapped),
    ...(average && { average: map(average) }),
    ...(groups && { groups: groups.map(mapped) }),
  } as MeansByClass<T>;
}

/** Name of each class's group, by class; classes without a group are left out. */
export type ClassGroups = ReadonlyMap<string, string>;

/**
 * Computes the means of each class, their average, and the average of each group of classes.
 *
 * @param rows Rows by class; one row per sample.
 * @param width Numbers per row.
 * @param groupOf Group of each class, if the dataset has groups.
 */
export function meansByClass(
  rows: ReadonlyMap<string, NumberRows>,
  width: number,
  groupOf: ClassGroups = new Map(),
): MeansByClass {
  const categories = inClassOrder(rows.keys());
  if (categories.length === 0) return { classes: [] };
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
    ...withGroups(
      categories,
      groupOf,
      (own) => meansByClass(new Map(own.map((name) => [name, rows.get(name)!])), width).average!,
    ),
  };
}

/** Groups with some of the classes, by name, each with numbers of its classes; none without groups. */
export function withGroups<T>(
  categories: readonly string[],
  groupOf: ClassGroups,
  numbersOf: (categories: readonly string[], group: string) => T,
): { readonly groups?: (T & { group: string; categories: readonly string[] })[] } {
  const names = [...new Set(categories.flatMap((name) => groupOf.get(name) ?? []))].sort();
  const groups = names.map((group) => {
    const own = categories.filter((name) => groupOf.get(name) === group);
    return { group, categories: own, ...numbersOf(own, group) };
  });
  return groups.length > 0 ? { groups } : {};
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
