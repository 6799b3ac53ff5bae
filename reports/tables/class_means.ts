import { CLASSES } from "../../datasets/sample.ts";
import type { NumberRows } from "./number_rows.ts";
import { bootstrapMeans, type Interval } from "./bootstrap.ts";

/** Means of a few numbers. */
export interface NumberMeans {
  /** The means, in the numbers' order. */
  readonly means: readonly number[];
  /** Bootstrap intervals; absent where a class has a single sample, which tells nothing of them. */
  readonly intervals?: readonly Interval[];
}

/** Means by class. */
export interface MeansByClass {
  /** One entry a class, in {@linkcode inClassOrder}. */
  readonly classes: readonly (NumberMeans & {
    readonly category: string;
    readonly count: number;
  })[];
  /** Unweighted mean over the classes; absent where there is none. */
  readonly average?: NumberMeans;
}

/**
 * Means of samples by class.
 *
 * @param rows A row of numbers a sample, by class.
 * @param width Numbers of a row.
 */
export function meansByClass(
  rows: ReadonlyMap<string, NumberRows>,
  width: number,
): MeansByClass {
  const categories = inClassOrder(rows.keys());
  if (categories.length === 0) return { classes: [] };
  const samples = categories.map((category) => rows.get(category)!.sorted());
  const means = samples.map((values) => meansOf(values, width));
  const intervals = bootstrapMeans(samples, width);
  const counts = categories.map((category) => rows.get(category)!.count);
  return {
    classes: categories.map((category, i) => ({
      ...{ category, count: counts[i]!, means: means[i]! },
      ...(counts[i]! > 1 && { intervals: intervals.classes[i]! }),
    })),
    average: {
      means: meansOf(Float64Array.from(means.flat()), width),
      ...(counts.every((count) => count > 1) && { intervals: intervals.average }),
    },
  };
}

/** The paper's classes in its order, then the others by name. */
export function inClassOrder(categories: Iterable<string>): string[] {
  const found = new Set(categories);
  return [...new Set<string>([...CLASSES, ...[...found].sort()])].filter((name) => found.has(name));
}

/** Means of rows of numbers that are one after another. */
function meansOf(values: Float64Array, width: number): number[] {
  const sums = new Array<number>(width).fill(0);
  values.forEach((value, i) => sums[i % width]! += value);
  return sums.map((sum) => sum / (values.length / width));
}
