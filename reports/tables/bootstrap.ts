/**
 * Bootstrap intervals for the means of classes, and for the average over the classes.
 *
 * @module
 */

import { Random } from "../../base/random.ts";

/** Parameters of bootstrap intervals. */
export interface Bootstrap {
  /** Number of resamples, drawn within each class. */
  readonly resamples: number;
  /** Seed of the random draws. */
  readonly seed: number;
  /** Share of the resampled means inside an interval, 0..1; the tails on both sides are equal. */
  readonly level: number;
}

/** Parameters of the intervals in a summary. */
export const BOOTSTRAP: Bootstrap = { resamples: 2000, seed: 0, level: 0.95 };

/** Lower and upper end of an interval. */
export type Interval = readonly [low: number, high: number];

export interface MeanIntervals {
  /** Intervals of each class, one per number. */
  readonly classes: readonly (readonly Interval[])[];
  /** Intervals of the unweighted average over the classes, one per number. */
  readonly average: readonly Interval[];
}

/**
 * Computes percentile intervals of means. Each class is resampled from its own samples, because the
 * average weighs all classes equally. Missing values, which are NaN, do not count.
 *
 * @param classes Samples of each class, row-major `[samples, width]`.
 * @param width Numbers per sample.
 * @param bootstrap Parameters of the intervals.
 */
export function bootstrapMeans(
  classes: readonly Float64Array[],
  width: number,
  { resamples, seed, level }: Bootstrap = BOOTSTRAP,
): MeanIntervals {
  // All classes share one generator: equal draws would correlate the classes in the average.
  const random = new Random(seed);
  const average = new Float64Array(width * resamples);
  const intervals = (means: Float64Array) =>
    Array.from({ length: width }, (_, column): Interval => {
      const sorted = means.subarray(column * resamples, (column + 1) * resamples).sort();
      return percentileInterval(sorted, level);
    });
  const ofClasses = classes.map((rows) => {
    const count = rows.length / width;
    const means = new Float64Array(width * resamples);
    const sums = new Float64Array(width);
    const counts = new Float64Array(width);
    for (let resample = 0; resample < resamples; resample++) {
      sums.fill(0);
      counts.fill(0);
      for (let draw = 0; draw < count; draw++) {
        const at = width * random.integer(0, count - 1);
        for (let column = 0; column < width; column++) {
          const value = rows[at + column]!;
          if (Number.isNaN(value)) continue;
          sums[column]! += value;
          counts[column]!++;
        }
      }
      for (let column = 0; column < width; column++) {
        const at = column * resamples + resample;
        means[at] = sums[column]! / counts[column]!;
        average[at]! += means[at]! / classes.length;
      }
    }
    return intervals(means);
  });
  return { classes: ofClasses, average: intervals(average) };
}

/** Interval that holds a share of sorted numbers, and leaves out as many below as above. */
export function percentileInterval(sorted: Float64Array, level: number): Interval {
  return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
}

/** Quantile of sorted numbers at a share of 0..1, linear between neighbours. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
