import { type ComparedNumber, compareEntries, correct } from "../compare/compare.ts";
import { inClassOrder } from "../tables/class_means.ts";
import { dealFolds, type Member, unitsIn } from "./folds.ts";
import type { Metric } from "./metric.ts";

/** A sample with its numbers by every candidate. */
export interface ScoredSample extends Member {
  readonly id: string;
  /** Numbers of the metric's protocol by a candidate, row-major. */
  readonly entries: (candidate: number) => Float64Array;
}

/** A choice on some samples. */
export interface Choice {
  /** Place of the candidate; 0 is the fixed setting. */
  readonly candidate: number;
  /** The metric of the candidate on the samples of the choice; NaN if they have none. */
  readonly value: number;
  /** Samples of the choice, and their units. */
  readonly samples: number;
  readonly units: number;
  /** The class has too few units, and takes the choice for all classes. */
  readonly isPooled: boolean;
}

/** Choices for a class or for all classes together: with all samples, and without each fold. */
export interface Choices {
  readonly whole: Choice;
  /** The choice without the samples of each fold, which it is scored on. */
  readonly folds: readonly Choice[];
}

/** Result of {@linkcode crossValidate}. */
export interface CrossValidation {
  /** Fold of each unit, from 0. */
  readonly foldOf: ReadonlyMap<string, number>;
  /** Classes in the order of tables. */
  readonly classes: ReadonlyMap<string, Choices>;
  /** Choices that all classes share. */
  readonly pooled: Choices;
  /** Numbers of the choices on the left-out samples against the fixed setting. */
  readonly numbers: readonly ComparedNumber[];
}

/** Columns of the comparison: choices by class, one choice for all classes, and the run's own. */
export const TUNED = "tuned";
export const POOLED = "pooled";
export const FIXED = "fixed";

/**
 * Chooses the candidate with the best metric: for each fold on the samples of all other folds, by
 * class and for all classes together. Then scores each sample by the choice without its fold, beside
 * the fixed setting. A candidate has nothing to fit, so that a choice on the mean of inner folds
 * would be the choice on all samples outside the outer fold.
 *
 * A class of fewer units than folds takes the choice for all classes. So does a class in a fold if
 * fewer than `folds - 1` of its units lie in the other folds.
 *
 * @param unordered Samples in any order; the order does not change the result.
 * @param count Number of candidates; the first is the fixed setting.
 * @param options Number of folds, their seed, and the group of each class.
 */
export function crossValidate(
  unordered: readonly ScoredSample[],
  count: number,
  metric: Metric,
  { folds, seed, groups = new Map() }: {
    readonly folds: number;
    readonly seed: number;
    readonly groups?: ReadonlyMap<string, string>;
  },
): CrossValidation {
  const samples = unordered.toSorted((a, b) => a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const foldOf = dealFolds(samples, folds, seed);
  const places = Array.from({ length: folds }, (_, fold) => fold);
  const outside = (fold: number, own: readonly ScoredSample[]) =>
    own.filter(({ unit }) => foldOf.get(unit) !== fold);
  const pooled: Choices = {
    whole: choose(samples, count, metric),
    folds: places.map((fold) => choose(outside(fold, samples), count, metric)),
  };
  const of = (own: readonly ScoredSample[], least: number, fallback: Choice): Choice => {
    const units = unitsIn(own).length;
    return units >= least
      ? choose(own, count, metric)
      : { ...fallback, samples: own.length, units, isPooled: true };
  };
  const classes = new Map(
    inClassOrder(samples.map(({ category }) => category)).map((name): [string, Choices] => {
      const own = samples.filter(({ category }) => category === name);
      const whole = of(own, folds, pooled.whole);
      const least = whole.isPooled ? Infinity : folds - 1;
      return [name, {
        whole,
        folds: places.map((fold) => of(outside(fold, own), least, pooled.folds[fold]!)),
      }];
    }),
  );
  const compare = (method: string, chosen: (category: string) => Choices) => {
    const pairs = samples.map(({ category, unit, entries }) => {
      const { candidate } = chosen(category).folds[foldOf.get(unit)!]!;
      return { category, unit, numbers: [entries(0), entries(candidate)] };
    });
    return compareEntries(metric.protocol, pairs, groups)
      .map((number) => ({ method, against: FIXED, ...number }));
  };
  const numbers = correct([
    ...compare(TUNED, (category) => classes.get(category)!),
    ...compare(POOLED, () => pooled),
  ]);
  return { foldOf, classes, pooled, numbers };
}

/** Chooses the first candidate with the best metric. */
function choose(samples: readonly ScoredSample[], count: number, metric: Metric): Choice {
  const { pool, place, sign } = metric;
  const once = new Float64Array(samples.length).fill(1);
  let [candidate, best] = [0, NaN];
  for (let i = 0; i < count; i++) {
    const value = pool(samples.map(({ entries }) => entries(i)))(once)[place]!;
    if (!(Number.isNaN(best) ? !Number.isNaN(value) : sign * value > sign * best)) continue;
    [candidate, best] = [i, value];
  }
  const units = unitsIn(samples).length;
  return { candidate, value: best, samples: samples.length, units, isPooled: false };
}
