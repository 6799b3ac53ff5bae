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
 * @param sorted The values in ascending order.
 * @returns The means of the lower and the upper component.
 */
export function componentMeans(
  values: Float32Array,
  sorted: Float32Array = sortFloats(values),
): readonly [low: number, high: number] {
  const data = countLevels(sorted);
  let components = estimate(cluster(values, data), data);
  let before = -Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const found = improve(components, data);
    components = found.components;
    if (Math.abs(found.likelihood - before) < TOLERANCE) break;
    before = found.likelihood;
  }
  const [one, other] = components;
  return one.mean <= other.mean ? [one.mean, other.mean] : [other.mean, one.mean];
}

/** Distinct values in ascending order, how often each occurs, and the number of all values. */
interface Levels {
  readonly levels: Float64Array;
  readonly counts: Float64Array;
  readonly total: number;
}

function countLevels(sorted: Float32Array): Levels {
  const levels = new Float64Array(sorted.length);
  const counts = new Float64Array(sorted.length);
  let last = -1;
  for (let i = 0; i < sorted.length; i++) {
    if (last < 0 || sorted[i]! !== levels[last]!) levels[++last] = sorted[i]!;
    counts[last]!++;
  }
  return {
    levels: levels.subarray(0, last + 1),
    counts: counts.subarray(0, last + 1),
    total: sorted.length,
  };
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

/** Two clusters of ascending levels: the levels before a place, and the others. */
interface Split {
  readonly place: number;
  /** The first cluster has the lower levels. */
  readonly isFirstLower: boolean;
}

/**
 * Finds two clusters as scikit-learn's `KMeans(2, n_init=1)`: greedy k-means++ on
 * {@linkcode DRAWS}, then Lloyd's rounds.
 */
function cluster(values: Float32Array, data: Levels): Split {
  const first = values[Math.floor(DRAWS[0] * values.length)]!;
  let centers: readonly [number, number] = [first, secondCenter(values, first, data)];
  const variance = varianceOf(data);
  let before = -1;
  for (let round = 0; round < CLUSTER_ROUNDS; round++) {
    const { place, isFirstLower } = nearest(data.levels, centers);
    const [lower, upper] = [meanOf(data, 0, place), meanOf(data, place, data.levels.length)];
    const moved = isFirstLower ? [lower, upper] as const : [upper, lower] as const;
    const shift = (moved[0] - centers[0]) ** 2 + (moved[1] - centers[1]) ** 2;
    centers = moved;
    if (place === before || shift <= SHIFT * variance) break;
    before = place;
  }
  return nearest(data.levels, centers);
}

/** The better of two drawn centres; far values are drawn more often. */
function secondCenter(values: Float32Array, first: number, { levels, counts }: Levels): number {
  let total = 0;
  for (let i = 0; i < levels.length; i++) total += counts[i]! * (levels[i]! - first) ** 2;
  const candidates = DRAWS.slice(1).map((draw) => {
    let [at, sum] = [-1, 0];
    while (sum < draw * total && at + 1 < values.length) sum += (values[++at]! - first) ** 2;
    return values.at(at)!;
  });
  const [one, other] = candidates;
  let [cost, otherCost] = [0, 0];
  for (let i = 0; i < levels.length; i++) {
    const distance = (levels[i]! - first) ** 2;
    cost += counts[i]! * Math.min(distance, (levels[i]! - one!) ** 2);
    otherCost += counts[i]! * Math.min(distance, (levels[i]! - other!) ** 2);
  }
  return otherCost < cost ? other! : one!;
}

/** Splits levels by the nearer centre; halfway between the centres the first is nearer. */
function nearest(levels: Float64Array, [one, other]: readonly [number, number]): Split {
  const isFirstLower = one <= other;
  let place = 0;
  while (place < levels.length) {
    const isOther = Math.abs(levels[place]! - other) < Math.abs(levels[place]! - one);
    if (isOther === isFirstLower) break;
    place++;
  }
  return { place, isFirstLower };
}

function meanOf({ levels, counts }: Levels, from: number, to: number): number {
  let [count, sum] = [0, 0];
  for (let i = from; i < to; i++) {
    count += counts[i]!;
    sum += counts[i]! * levels[i]!;
  }
  return sum / count;
}

function varianceOf({ levels, counts, total }: Levels): number {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < levels.length; i++) sum += counts[i]! * levels[i]!;
  const mean = sum / total;
  for (let i = 0; i < levels.length; i++) squares += counts[i]! * (levels[i]! - mean) ** 2;
  return squares / total;
}

/**
 * A component from sums over its values, each value weighted by its share of the component.
 *
 * @param weight Sum of the weights.
 * @param center A number near the mean, which keeps the sums exact.
 * @param sum Sum of the distances from `center`.
 * @param squares Sum of the squared distances from `center`.
 */
function componentOf(
  weight: number,
  center: number,
  sum: number,
  squares: number,
  total: number,
): Component {
  // scikit-learn adds this amount, so that an empty component divides by no 0.
  const divisor = weight + 10 * Number.EPSILON;
  const mean = (center * weight + sum) / divisor;
  const offset = mean - center;
  const spread = Math.max(squares - 2 * offset * sum + offset * offset * weight, 0);
  return { share: divisor / total, mean, deviation: Math.sqrt(spread / divisor + FLOOR) };
}

/** The components of two clusters. */
function estimate({ place, isFirstLower }: Split, data: Levels): [Component, Component] {
  const { levels, counts, total } = data;
  const component = (from: number, to: number): Component => {
    const center = from < to ? meanOf(data, from, to) : 0;
    let [weight, sum, squares] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      const distance = levels[i]! - center;
      weight += counts[i]!;
      sum += counts[i]! * distance;
      squares += counts[i]! * distance * distance;
    }
    return componentOf(weight, center, sum, squares, total);
  };
  const [lower, upper] = [component(0, place), component(place, levels.length)];
  return isFirstLower ? [lower, upper] : [upper, lower];
}

/**
 * Difference of logarithms beyond which the lesser number counts as 0: e^-80 is 1.8e-35, and lost
 * even beside the amount that {@linkcode componentOf} adds.
 */
const LOST = 80;

/** Steps of {@linkcode EXPONENTIALS} for each unit. */
const STEPS = 64;

/** The values of `exp(-i / STEPS)`, from which {@linkcode improve} computes exponentials. */
const EXPONENTIALS = Float64Array.from(
  { length: LOST * STEPS + 1 },
  (_, i) => Math.exp(-i / STEPS),
);

/** Products of factors up to 2 are finite for so many further factors. */
const LARGE = 2 ** 1000;

/**
 * A round of the fit: each level's share of both components, and from these shares new components.
 *
 * @returns The new components, and the mean log-likelihood of the values under the old components.
 */
function improve(
  [one, other]: readonly [Component, Component],
  { levels, counts, total }: Levels,
): { readonly components: [Component, Component]; readonly likelihood: number } {
  const high = Math.log(one.share / one.deviation);
  const otherHigh = Math.log(other.share / other.deviation);
  const [mean, otherMean] = [one.mean, other.mean];
  const [scale, otherScale] = [1 / one.deviation, 1 / other.deviation];
  let [weight, sum, squares] = [0, 0, 0];
  let [otherWeight, otherSum, otherSquares] = [0, 0, 0];
  let likelihood = 0;
  // A logarithm of a product takes the place of the sum of many logarithms.
  let product = 1;
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    const count = counts[i]!;
    const distance = level - mean;
    const otherDistance = level - otherMean;
    const far = distance * scale;
    const otherFar = otherDistance * otherScale;
    const first = high - far * far / 2;
    const second = otherHigh - otherFar * otherFar / 2;
    const isFirst = first >= second;
    const gap = isFirst ? first - second : second - first;
    likelihood += count * (isFirst ? first : second);
    let greater = count;
    let lesser = 0;
    if (gap < LOST) {
      const step = gap * STEPS | 0;
      const rest = step / STEPS - gap;
      // The series of the exponential of a number from -1/64 to 0.
      const ratio = EXPONENTIALS[step]! * (1 + rest * (1 + rest / 2 *
              (1 + rest / 3 * (1 + rest / 4 * (1 + rest / 5 * (1 + rest / 6))))));
      greater = count / (1 + ratio);
      lesser = greater * ratio;
      if (count === 1) product *= 1 + ratio;
      else likelihood += count * Math.log(1 + ratio);
      if (product > LARGE) {
        likelihood += Math.log(product);
        product = 1;
      }
    }
    const share = isFirst ? greater : lesser;
    const otherShare = isFirst ? lesser : greater;
    weight += share;
    sum += share * distance;
    squares += share * distance * distance;
    otherWeight += otherShare;
    otherSum += otherShare * otherDistance;
    otherSquares += otherShare * otherDistance * otherDistance;
  }
  likelihood += Math.log(product);
  return {
    components: [
      componentOf(weight, mean, sum, squares, total),
      componentOf(otherWeight, otherMean, otherSum, otherSquares, total),
    ],
    likelihood: likelihood / total - Math.log(2 * Math.PI) / 2,
  };
}
