/**
 * Numbers of samples by class and unit, as the basis of resampling. A unit is a patient or an image:
 * samples of one unit are not independent, so that resampling moves whole units.
 *
 * @module
 */

import type { Pool } from "../../scoring/protocols/pools.ts";

/** A sample with the numbers of one method, or of two methods. */
export interface CohortSample {
  readonly category: string;
  /** Name of the patient or the image. */
  readonly unit: string;
  /** Numbers by each method, row-major `[entries, width]`. */
  readonly numbers: readonly Float64Array[];
}

/** Samples with the places of their classes and units. */
interface Cohort {
  readonly samples: readonly {
    readonly row: number;
    readonly unit: number;
    readonly numbers: readonly Float64Array[];
  }[];
  readonly classCount: number;
  readonly unitCount: number;
  readonly width: number;
}

/** Numbers of samples as functions of their units. */
export interface Estimator {
  /** Number of units; they are in ascending order of the UTF-16 codes of their names. */
  readonly unitCount: number;
  /**
   * Numbers of each method if each unit counts as often as its weight says, row-major
   * `[classes + 1, numbers]`; the last row has the samples of all classes together. A number
   * that one method lacks is NaN for both.
   *
   * @param weights Weight of each unit.
   */
  readonly values: (weights: ArrayLike<number>) => readonly Float64Array[];
  /**
   * Numbers of the second method minus the first, if the methods change places in some units.
   *
   * @param isSwapped 1 for each unit in which the methods change places, otherwise 0.
   */
  readonly differences: (isSwapped: ArrayLike<number>) => Float64Array;
}

/**
 * Makes the functions of samples.
 *
 * @param samples The samples; sums run in their order. All have numbers of as many methods.
 * @param classes Names of the classes, in the order of the rows.
 * @param width Numbers of a sample's entry.
 * @param pool Scores samples together; by default the numbers are means over the entries.
 */
export function estimate(
  samples: readonly CohortSample[],
  classes: readonly string[],
  width: number,
  pool?: Pool,
): Estimator {
  const units = [...new Set(samples.map(({ unit }) => unit))].sort();
  const [rows, places] = [classes, units].map((names) =>
    new Map(names.map((name, place) => [name, place]))
  ) as [Map<string, number>, Map<string, number>];
  const cohort: Cohort = {
    samples: samples.map(({ category, unit, numbers }) => ({
      ...{ row: rows.get(category)!, unit: places.get(unit)!, numbers },
    })),
    ...{ classCount: classes.length, unitCount: units.length, width },
  };
  const functions = pool ? poolEstimator(cohort, pool) : meanEstimator(cohort);
  return { unitCount: units.length, ...functions };
}

/** Means: sums of each unit within a class are enough, which makes draws fast. */
function meanEstimator(
  { samples, classCount, unitCount, width }: Cohort,
): Omit<Estimator, "unitCount"> {
  const rowOf = new Map<number, number>();
  const rows = samples.map(({ row, unit }) =>
    rowOf.getOrInsertComputed(unit * classCount + row, () => rowOf.size)
  );
  const size = rowOf.size;
  const counts = new Float64Array(size * width);
  const sums = samples[0]!.numbers.map(() => new Float64Array(size * width));
  samples.forEach(({ numbers }, i) => {
    numbers[0]!.forEach((_, at) => {
      const values = numbers.map((side) => side[at]!);
      if (values.some(Number.isNaN)) return;
      const place = rows[i]! * width + at % width;
      counts[place]!++;
      values.forEach((value, side) => sums[side]![place]! += value);
    });
  });
  const keys = [...rowOf.keys()];
  const unitOf = Int32Array.from(keys, (key) => Math.floor(key / classCount));
  const start = Int32Array.from(keys, (key) => key % classCount * width);
  const all = classCount * width;
  const add = (rowValues: Float64Array, weights: ArrayLike<number>) => {
    const totals = new Float64Array(all + width);
    for (let row = 0; row < size; row++) {
      const weight = weights[unitOf[row]!]!;
      if (weight === 0) continue;
      const [from, to] = [row * width, start[row]!];
      for (let k = 0; k < width; k++) totals[to + k]! += weight * rowValues[from + k]!;
    }
    for (let at = 0; at < all; at++) totals[all + at % width]! += totals[at]!;
    return totals;
  };
  const signs = new Float64Array(unitCount).fill(1);
  const once = add(counts, signs);
  const gaps = sums[1]?.map((value, at) => value - sums[0]![at]!) ?? new Float64Array();
  return {
    values(weights) {
      const drawn = add(counts, weights);
      return sums.map((side) => add(side, weights).map((sum, at) => sum / drawn[at]!));
    },
    differences(isSwapped) {
      for (let unit = 0; unit < unitCount; unit++) signs[unit] = 1 - 2 * isSwapped[unit]!;
      return add(gaps, signs).map((sum, at) => sum / once[at]!);
    },
  };
}

function poolEstimator(
  { samples, classCount }: Cohort,
  pool: Pool,
): Omit<Estimator, "unitCount"> {
  const sides = [...samples[0]!.numbers.keys()];
  const count = sides.length;
  const members = Array.from(
    { length: classCount + 1 },
    (_, place) => samples.filter(({ row }) => place === classCount || row === place),
  );
  // The methods' samples lie side by side: equal scores keep the order of the dataset.
  const pooled = members.map((own) => ({
    unitOf: Int32Array.from(own, ({ unit }) => unit),
    score: pool(own.flatMap(({ numbers }) => numbers)),
    weights: new Float64Array(own.length * count),
  }));
  /** Numbers of samples of which each unit comes from one method. */
  const numbers = (sideOf: (unit: number) => number, weights?: ArrayLike<number>) =>
    pooled.flatMap(({ unitOf, score, weights: each }) => {
      each.fill(0);
      let total = 0;
      for (let place = 0; place < unitOf.length; place++) {
        const unit = unitOf[place]!;
        const weight = weights ? weights[unit]! : 1;
        each[place * count + sideOf(unit)] = weight;
        total += weight;
      }
      const found = score(each);
      // A draw without a class leaves it out; some pools give 0 for no sample.
      return total > 0 ? found : found.map(() => NaN);
    });
  return {
    values(weights) {
      const found = sides.map((side) => Float64Array.from(numbers(() => side, weights)));
      found[0]!.forEach((_, at) => {
        if (found.some((side) => Number.isNaN(side[at]))) found.forEach((side) => side[at] = NaN);
      });
      return found;
    },
    differences(isSwapped) {
      const first = numbers((unit) => isSwapped[unit]!);
      return Float64Array.from(
        numbers((unit) => 1 - isSwapped[unit]!),
        (value, at) => value - first[at]!,
      );
    },
  };
}
