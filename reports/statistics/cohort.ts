/**
 * Numbers of samples by class and unit, as the basis of resampling. A unit is a patient or an image:
 * samples of one unit are not independent, so that resampling moves whole units.
 *
 * @module
 */

import type { Pool } from "../../scoring/protocols/pools.ts";

/** Samples with the numbers of one method, or of two methods. */
export interface Cohort {
  /** Numbers of each sample, row-major `[entries, width]`; a list for each method. */
  readonly sides: readonly (readonly Float64Array[])[];
  /** Place of each sample's class. */
  readonly classes: readonly number[];
  /** Place of each sample's unit. */
  readonly units: readonly number[];
  /** Number of classes, and of units. */
  readonly classCount: number;
  readonly unitCount: number;
  /** Numbers of a sample's entry. */
  readonly width: number;
  /**
   * Scores samples together.
   *
   * @default {Means over the entries}
   */
  readonly pool?: Pool;
}

/** Numbers of a cohort as functions of its samples. */
export interface Estimator {
  /**
   * Numbers of each method if each unit counts as often as its weight says, row-major
   * `[classCount + 1, numbers]`; the last row has the samples of all classes together. A number
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

/** Makes the functions of a cohort. */
export function estimate(cohort: Cohort): Estimator {
  return cohort.pool ? poolEstimator(cohort, cohort.pool) : meanEstimator(cohort);
}

/** Means: sums of each unit within a class are enough, which makes draws fast. */
function meanEstimator(
  { sides, classes, units, classCount, unitCount, width }: Cohort,
): Estimator {
  const rowOf = new Map<number, number>();
  const rows = classes.map((category, i) => {
    const key = units[i]! * classCount + category;
    if (!rowOf.has(key)) rowOf.set(key, rowOf.size);
    return rowOf.get(key)!;
  });
  const size = rowOf.size;
  const counts = new Float64Array(size * width);
  const sums = sides.map(() => new Float64Array(size * width));
  rows.forEach((row, i) => {
    sides[0]![i]!.forEach((_, at) => {
      const values = sides.map((side) => side[i]![at]!);
      if (values.some(Number.isNaN)) return;
      const place = row * width + at % width;
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

function poolEstimator({ sides, classes, units, classCount }: Cohort, pool: Pool): Estimator {
  const count = sides.length;
  const members = Array.from(
    { length: classCount + 1 },
    (_, row) => [...classes.keys()].filter((i) => row === classCount || classes[i] === row),
  );
  // The methods' samples lie side by side: equal scores keep the order of the dataset.
  const pooled = members.map((own) => ({
    unitOf: Int32Array.from(own, (i) => units[i]!),
    score: pool(own.flatMap((i) => sides.map((side) => side[i]!))),
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
      const found = sides.map((_, side) => Float64Array.from(numbers(() => side, weights)));
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
