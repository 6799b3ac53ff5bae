import { quantile } from "../../base/sort_floats.ts";
import { Random } from "../../base/random.ts";
import type { Pool } from "../../scoring/protocols/pools.ts";

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

/** Numbers of classes, of unweighted means over classes, and of all samples together. */
export interface PooledIntervals {
  /** Numbers of each class, with an interval if the class has several samples. */
  readonly classes: readonly PooledNumbers[];
  /** Unweighted mean over some classes, as places in the list of classes. */
  readonly mean: (classes: readonly number[]) => PooledNumbers;
  /** Numbers of all samples together. */
  readonly all: PooledNumbers;
}

/** Numbers with their intervals. */
export interface PooledNumbers {
  readonly means: readonly number[];
  /** Absent if a class has a single sample, which has no spread. */
  readonly intervals?: readonly Interval[];
}

/**
 * Computes numbers that belong to a dataset and not to a sample, with percentile intervals. Each
 * draw takes samples with replacement within each class, and computes every number anew.
 *
 * @param samples Numbers of each sample, in the order of the dataset.
 * @param classes Places of each class's samples.
 * @param pool Scores samples together.
 * @param bootstrap Parameters of the intervals.
 */
export function bootstrapPools(
  samples: readonly Float64Array[],
  classes: readonly (readonly number[])[],
  pool: Pool,
  { resamples, seed, level }: Bootstrap = BOOTSTRAP,
): PooledIntervals {
  const random = new Random(seed);
  const scoreAll = pool(samples);
  const scoreClass = classes.map((places) => pool(places.map((place) => samples[place]!)));
  const weights = new Float64Array(samples.length);
  // Row 0 has the numbers themselves; each further row has the numbers of a draw.
  const whole: number[][] = [];
  const each: number[][][] = classes.map(() => []);
  for (let row = 0; row <= resamples; row++) {
    weights.fill(row === 0 ? 1 : 0);
    classes.forEach((places, i) => {
      if (row > 0) {
        for (const _ of places) weights[places[random.integer(0, places.length - 1)]!]!++;
      }
      each[i]!.push(scoreClass[i]!(places.map((place) => weights[place]!)));
    });
    whole.push(scoreAll(weights));
  }
  const numbers = (rows: readonly number[][], own: readonly number[]): PooledNumbers => ({
    means: rows[0]!,
    ...(own.every((i) => classes[i]!.length > 1) && {
      intervals: rows[0]!.map((_, column) => {
        const draws = Float64Array.from(rows.slice(1), (row) => row[column]!);
        return percentileInterval(draws.sort(), level);
      }),
    }),
  });
  const every = [...classes.keys()];
  return {
    classes: every.map((i) => numbers(each[i]!, [i])),
    mean: (own) => numbers(whole.map((_, row) => meanRow(own.map((i) => each[i]![row]!))), own),
    all: numbers(whole, every),
  };
}

/** Means of each column, without missing values. */
function meanRow(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.map((_, column) => {
    const values = rows.map((row) => row[column]!).filter((value) => !Number.isNaN(value));
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}
