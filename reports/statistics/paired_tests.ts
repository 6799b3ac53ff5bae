/**
 * McNemar's exact test, and Holm's correction for several tests.
 *
 * @module
 */

/**
 * Two-sided p of McNemar's exact test: a binomial test of the pairs that differ.
 *
 * @param onlyFirst Number of pairs in which only the first has the trait.
 * @param onlySecond Number of pairs in which only the second has the trait.
 */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const count = onlyFirst + onlySecond;
  const least = Math.min(onlyFirst, onlySecond);
  // Logarithms keep the binomial coefficients of many pairs finite.
  let [log, sum] = [-count * Math.LN2, 0];
  for (let k = 0; k <= least; k++) {
    sum += Math.exp(log);
    log += Math.log((count - k) / (k + 1));
  }
  return Math.min(1, 2 * sum);
}

/** Corrects p-values of one family by Holm's step-down method; NaN stays, and counts as no test. */
export function holm(values: readonly number[]): number[] {
  const order = [...values.keys()].filter((i) => !Number.isNaN(values[i]))
    .sort((a, b) => values[a]! - values[b]!);
  const corrected = values.map(() => NaN);
  let highest = 0;
  order.forEach((i, rank) => {
    highest = Math.max(highest, Math.min(1, (order.length - rank) * values[i]!));
    corrected[i] = highest;
  });
  return corrected;
}
