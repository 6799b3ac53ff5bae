/**
 * A mixture of two Gaussians over the values of a map.
 *
 * @module
 */

import { sortFloats } from "../base/sort_floats.ts";

/** A variance that is added to each component's, as scikit-learn's `reg_covar`. */
const FLOOR = 1e-6;

/** Gain of the mean log-likelihood below which the fit ends, as scikit-learn's `tol`. */
const TOLERANCE = 1e-3;

/** Most rounds of the fit, as scikit-learn's `max_iter`. */
const ROUNDS = 100;

/** A component: its share of the values, its mean and its standard deviation. */
interface Component {
  readonly share: number;
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Fits two Gaussians to values by expectation and maximisation, as scikit-learn's
 * `GaussianMixture(2)`. The fit begins with two clusters, and equal values in equal places give equal
 * means.
 *
 * @param values Finite values, at least two different ones.
 * @returns The means of the lower and the upper component.
 */
export function componentMeans(values: Float32Array): readonly [low: number, high: number] {
  const [levels, counts] = countLevels(values);
  // Share of each level that belongs to the first component.
  let shares = Float64Array.from(cluster(values, levels, counts), (label) => 1 - label);
  let components = estimate(levels, counts, shares, values.length);
  let before = -Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const found = expect(levels, counts, components, values.length);
    shares = found.shares;
    components = estimate(levels, counts, shares, values.length);
    if (Math.abs(found.likelihood - before) < TOLERANCE) break;
    before = found.likelihood;
  }
  const [one, other] = components;
  return one.mean <= other.mean ? [one.mean, other.mean] : [other.mean, one.mean];
}

/** Distinct values in ascending order, with the number of times that each occurs. */
function countLevels(values: Float32Array): [levels: Float64Array, counts: Float64Array] {
  const sorted = sortFloats(values);
  const levels = new Float64Array(sorted.length);
  const counts = new Float64Array(sorted.length);
  let last = -1;
  for (let i = 0; i < sorted.length; i++) {
    if (last < 0 || sorted[i]! !== levels[last]!) levels[++last] = sorted[i]!;
    counts[last]!++;
  }
  return [levels.slice(0, last + 1), counts.slice(0, last + 1)];
}

/**
 * The first numbers of NumPy's legacy generator with seed 0. The released code leaves the generator
 * unseeded, so that its clusters differ from run to run.
 */
const DRAWS = [0.5488135039273248, 0.7151893663724195, 0.6027633760716439] as const;

/** Share of the variance that centres may still move by at the end, as scikit-learn's `tol`. */
const SHIFT = 1e-4;

/** Most rounds of clustering, as scikit-learn's `max_iter`. */
const CLUSTER_ROUNDS = 300;

/**
 * Finds two clusters as scikit-learn's `KMeans(2, n_init=1)`: greedy k-means++ on
 * {@linkcode DRAWS}, then Lloyd's rounds.
 *
 * @returns The cluster of each level, 0 or 1.
 */
function cluster(
  values: Float32Array,
  levels: Float64Array,
  counts: Float64Array,
): Uint8Array {
  const first = values[Math.floor(DRAWS[0] * values.length)]!;
  let centers: readonly [number, number] = [first, secondCenter(values, first)];
  const variance = varianceOf(levels, counts, values.length);
  let labels = new Uint8Array(levels.length);
  for (let round = 0; round < CLUSTER_ROUNDS; round++) {
    const found = nearest(levels, centers);
    const moved = [0, 1].map((label) => meanOf(levels, counts, found, label)) as [number, number];
    const shift = (moved[0] - centers[0]) ** 2 + (moved[1] - centers[1]) ** 2;
    centers = moved;
    const isSame = round > 0 && found.every((label, i) => label === labels[i]);
    labels = found;
    if (isSame || shift <= SHIFT * variance) break;
  }
  return nearest(levels, centers);
}

/** The better of two drawn centres; far values are drawn more often. */
function secondCenter(values: Float32Array, first: number): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += (values[i]! - first) ** 2;
  const candidates = DRAWS.slice(1).map((draw) => {
    let sum = 0;
    const at = values.findIndex((value) => (sum += (value - first) ** 2) >= draw * total);
    return values.at(at)!;
  });
  const costs = candidates.map((center) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      sum += Math.min((values[i]! - first) ** 2, (values[i]! - center) ** 2);
    }
    return sum;
  });
  return candidates[costs[1]! < costs[0]! ? 1 : 0]!;
}

function nearest(
  levels: Float64Array,
  [one, other]: readonly [number, number],
): Uint8Array<ArrayBuffer> {
  const labels = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    if (Math.abs(levels[i]! - other) < Math.abs(levels[i]! - one)) labels[i] = 1;
  }
  return labels;
}

function meanOf(
  levels: Float64Array,
  counts: Float64Array,
  labels: Uint8Array,
  label: number,
): number {
  let [count, sum] = [0, 0];
  for (let i = 0; i < levels.length; i++) {
    if (labels[i] !== label) continue;
    count += counts[i]!;
    sum += counts[i]! * levels[i]!;
  }
  return sum / count;
}

function varianceOf(levels: Float64Array, counts: Float64Array, total: number): number {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < levels.length; i++) sum += counts[i]! * levels[i]!;
  const mean = sum / total;
  for (let i = 0; i < levels.length; i++) squares += counts[i]! * (levels[i]! - mean) ** 2;
  return squares / total;
}

/** The components from the levels' shares of the first. */
function estimate(
  levels: Float64Array,
  counts: Float64Array,
  shares: Float64Array,
  total: number,
): [Component, Component] {
  const component = (own: Float64Array): Component => {
    // scikit-learn adds this amount, so that an empty component divides by no 0.
    let weight = 10 * Number.EPSILON;
    let sum = 0;
    for (let i = 0; i < levels.length; i++) {
      const share = counts[i]! * own[i]!;
      weight += share;
      sum += share * levels[i]!;
    }
    const mean = sum / weight;
    let squares = 0;
    for (let i = 0; i < levels.length; i++) {
      squares += counts[i]! * own[i]! * (levels[i]! - mean) ** 2;
    }
    return { share: weight / total, mean, deviation: Math.sqrt(squares / weight + FLOOR) };
  };
  return [component(shares), component(shares.map((share) => 1 - share))];
}

/** Logarithm of a number that is lost in `1 + x`: half of {@linkcode Number.EPSILON} is e^-36.7. */
const LOST = -37;

/** Each level's share of the first component, and the mean log-likelihood of the values. */
function expect(
  levels: Float64Array,
  counts: Float64Array,
  [one, other]: readonly [Component, Component],
  total: number,
): { readonly shares: Float64Array<ArrayBuffer>; readonly likelihood: number } {
  const [high, otherHigh] = [one, other].map(({ share, deviation }) => Math.log(share / deviation));
  const half = Math.log(2 * Math.PI) / 2;
  let likelihood = 0;
  const shares = new Float64Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    const first = high! - ((level - one.mean) / one.deviation) ** 2 / 2 - half;
    const second = otherHigh! - ((level - other.mean) / other.deviation) ** 2 / 2 - half;
    const most = Math.max(first, second);
    const gap = Math.min(first, second) - most;
    // The lesser density is lost in the rounding of the sum, as for most values.
    if (gap < LOST) {
      likelihood += counts[i]! * most / total;
      shares[i] = first === most ? 1 : Math.exp(gap);
      continue;
    }
    const sum = most + Math.log(1 + Math.exp(gap));
    likelihood += counts[i]! * sum / total;
    shares[i] = Math.exp(first - sum);
  }
  return { shares, likelihood };
}
