/**
 * Bootstrap intervals of means over classes and of the mean of these.
 *
 * @module
 */

import { Random } from "../../base/random.ts";

/** How intervals are made. */
export interface Bootstrap {
  /** How often the samples are drawn again. */
  readonly resamples: number;
  /** Seed of the draws. */
  readonly seed: number;
  /** Share of the resampled means that an interval holds, as many left out on either side. */
  readonly level: number;
}

/** How the intervals of a summary are made. */
export const BOOTSTRAP: Bootstrap = { resamples: 2000, seed: 0, level: 0.95 };

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** Intervals of a few means each. */
export interface MeanIntervals {
  /** Of each class's means. */
  readonly classes: readonly (readonly Interval[])[];
  /** Of the unweighted means of the classes' means. */
  readonly average: readonly Interval[];
}

/**
 * Percentile intervals of means. Each class is drawn again from its own samples:
 * the average counts classes alike, whatever their number of samples.
 *
 * @param classes The samples of each class, one after another; each of them has `width` numbers.
 * @param width How many means there are of a class.
 * @param bootstrap How often to draw, and how wide intervals are.
 */
export function bootstrapMeans(
  classes: readonly Float64Array[],
  width: number,
  { resamples, seed, level }: Bootstrap = BOOTSTRAP,
): MeanIntervals {
  // One generator for all: classes that were drawn alike would vary together in the average.
  const random = new Random(seed);
  const average = new Float64Array(width * resamples);
  const intervals = (means: Float64Array) =>
    Array.from({ length: width }, (_, column): Interval => {
      const sorted = means.subarray(column * resamples, (column + 1) * resamples).sort();
      return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
    });
  const ofClasses = classes.map((rows) => {
    const count = rows.length / width;
    const means = new Float64Array(width * resamples);
    const sums = new Float64Array(width);
    for (let resample = 0; resample < resamples; resample++) {
      sums.fill(0);
      for (let draw = 0; draw < count; draw++) {
        const at = width * random.integer(0, count - 1);
        for (let column = 0; column < width; column++) sums[column]! += rows[at + column]!;
      }
      for (let column = 0; column < width; column++) {
        const at = column * resamples + resample;
        means[at] = sums[column]! / count;
        average[at]! += means[at]! / classes.length;
      }
    }
    return intervals(means);
  });
  return { classes: ofClasses, average: intervals(average) };
}

/** A quantile of sorted numbers, linear between two of them. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
