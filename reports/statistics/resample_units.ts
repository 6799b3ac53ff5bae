import { Random } from "../../base/random.ts";
import {
  BOOTSTRAP,
  type Bootstrap,
  type Interval,
  percentileInterval,
} from "../tables/bootstrap.ts";

/**
 * Computes percentile intervals of numbers over units that are drawn with replacement. Each draw
 * takes as many units as there are, `integer(0, count - 1)` for each; all draws come from one
 * generator. A draw in which a number is NaN, such as one without its class, does not count for it.
 *
 * @param count Number of units.
 * @param statistic Numbers by the weight of each unit.
 * @param bootstrap Number of draws, seed and level.
 * @returns An interval for each number; `undefined` with a single unit or without a finite draw.
 */
export function unitIntervals(
  count: number,
  statistic: (weights: Float64Array) => Float64Array,
  { resamples, seed, level }: Bootstrap = BOOTSTRAP,
): readonly (Interval | undefined)[] {
  const random = new Random(seed);
  const weights = new Float64Array(count);
  const draws = Array.from({ length: resamples }, () => {
    weights.fill(0);
    for (let draw = 0; draw < count; draw++) weights[random.integer(0, count - 1)]!++;
    return statistic(weights);
  });
  return Array.from(draws[0]!, (_, at) => {
    const values = Float64Array.from(draws, (draw) => draw[at]!).filter((value) =>
      !Number.isNaN(value)
    );
    if (count < 2 || values.length === 0) return undefined;
    return percentileInterval(values.sort(), level);
  });
}

/**
 * Number of random sign flips. Scores of samples together take far longer than means, which are sums.
 * If there are no more flips than that, all flips are tried.
 */
export const FLIPS = { means: 10_000, pools: 2000 } as const;

/** Differences that are equal but for rounding. */
const ROUNDING = 1e-12;

/**
 * Two-sided p of the paired permutation test: the share of flips with a difference at least as far
 * from 0 as the observed difference. In a flip two methods change places in some units. All flips count
 * if there are no more than `most`. Otherwise each of the random flips marks unit `i` by
 * bit `i % 32` of a number, which is drawn for every 32 units; the observed difference counts as
 * one more flip (Phipson and Smyth, 2010).
 *
 * @param count Number of units.
 * @param differences Differences if the methods change places in marked units.
 * @param most Number of random flips.
 * @returns A p for each difference; NaN if the difference is NaN.
 */
export function signFlip(
  count: number,
  differences: (isSwapped: Uint8Array) => Float64Array,
  most: number,
  seed: number = BOOTSTRAP.seed,
): Float64Array {
  const isSwapped = new Uint8Array(count);
  const observed = differences(isSwapped).map(Math.abs);
  const bounds = observed.map((value) => value - ROUNDING * Math.max(1, value));
  const isExact = 2 ** count <= most;
  const random = new Random(seed);
  const flips = isExact ? 2 ** count : most;
  const extreme = new Float64Array(observed.length).fill(isExact ? 0 : 1);
  for (let flip = 0; flip < flips; flip++) {
    for (let from = 0; from < count; from += 32) {
      const bits = isExact ? flip : random.integer(0, 2 ** 32 - 1);
      const to = Math.min(count, from + 32);
      for (let unit = from; unit < to; unit++) isSwapped[unit] = bits >>> (unit - from) & 1;
    }
    const found = differences(isSwapped);
    for (let at = 0; at < found.length; at++) {
      if (Math.abs(found[at]!) >= bounds[at]!) extreme[at]!++;
    }
  }
  const total = isExact ? flips : flips + 1;
  return extreme.map((value, at) => Number.isNaN(observed[at]) ? NaN : value / total);
}
