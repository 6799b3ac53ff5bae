/**
 * Scores of a whole dataset, or of a class, from the numbers of its samples.
 *
 * @module
 */

import { AP_THRESHOLDS } from "./box_sets.ts";

/**
 * Makes a function that scores samples together. The function takes how often each sample counts,
 * so that a bootstrap can draw samples with replacement.
 *
 * @param samples Numbers of each sample: row-major `[entries, fields]`.
 */
export type Pool = (samples: readonly Float64Array[]) => (weights: ArrayLike<number>) => number[];

/** Pools the means of each field; NaN does not count. */
export function meanPool(width: number): Pool {
  return (samples) => (weights) => {
    const sums = new Array<number>(width).fill(0);
    const counts = new Array<number>(width).fill(0);
    for (let i = 0; i < samples.length; i++) {
      const [sample, weight] = [samples[i]!, weights[i]!];
      if (weight === 0) continue;
      for (let at = 0; at < sample.length; at++) {
        if (Number.isNaN(sample[at]!)) continue;
        sums[at % width]! += weight * sample[at]!;
        counts[at % width]! += weight;
      }
    }
    return sums.map((sum, field) => sum / counts[field]!);
  };
}

/** Sums each field over the samples. */
function totals(samples: readonly Float64Array[], weights: ArrayLike<number>): number[] {
  const sums = new Array<number>(samples[0]?.length ?? 0).fill(0);
  for (let i = 0; i < samples.length; i++) {
    const [sample, weight] = [samples[i]!, weights[i]!];
    // A bootstrap leaves out many samples.
    if (weight === 0) continue;
    for (let field = 0; field < sample.length; field++) sums[field]! += weight * sample[field]!;
  }
  return sums;
}

/** ChEX: the sum of intersections over the sum of unions, mean over the thresholds. */
export const chexPool: Pool = (samples) => (weights) => {
  const sums = totals(samples, weights);
  let mean = 0;
  for (let i = 0; i < sums.length; i += 2) {
    mean += sums[i]! / Math.max(sums[i + 1]!, 1) / (sums.length / 2);
  }
  return [mean];
};

/** Panoptic quality, the mean overlap of matched boxes, and the F1 of recognition. */
export const panopticPool: Pool = (samples) => (weights) => {
  const [overlap, hits, wrong, missed] = totals(samples, weights) as [
    number,
    number,
    number,
    number,
  ];
  const boxes = hits + (wrong + missed) / 2;
  return [overlap / boxes, hits === 0 ? 0 : overlap / hits, hits / boxes];
};

/** Fields of a detection: score, matches as bits, and number of true boxes. */
const DETECTION = 3;

/** Detections of all samples, highest score first; equal scores stay in the order of samples. */
function sortDetections(samples: readonly Float64Array[]) {
  const all: { score: number; matched: number; sample: number }[] = [];
  const truths = samples.map((sample, i) => {
    let count = 0;
    for (let at = 0; at < sample.length; at += DETECTION) {
      const [score, matched] = [sample[at]!, sample[at + 1]!];
      if (!Number.isNaN(score)) all.push({ score, matched, sample: i });
      count += sample[at + 2]!;
    }
    return count;
  });
  all.sort((one, other) => other.score - one.score);
  return {
    scores: Float64Array.from(all, ({ score }) => score),
    matched: Int32Array.from(all, ({ matched }) => matched),
    owners: Int32Array.from(all, ({ sample }) => sample),
    positives(weights: ArrayLike<number>) {
      let sum = 0;
      for (let i = 0; i < truths.length; i++) sum += weights[i]! * truths[i]!;
      return sum;
    },
  };
}

/** NumPy's `spacing(1)`, which keeps cocoapi's precision defined. */
const EPSILON = Number.EPSILON;

/** COCO's recall thresholds: `linspace(0, 1, 101)`. */
const RECALLS = Array.from({ length: 101 }, (_, i) => i === 100 ? 1 : i * 0.01);

/** Sets of thresholds that a precision is averaged over, as places in {@linkcode AP_THRESHOLDS}. */
const RANGES = [[4, 14], [4, 5], [3, 4]] as const;

/** Places of .1, .2, .3, .4, .5, .6 and .7. */
const FROM_TENTH = [0, 1, 2, 3, 4, 6, 8];

/**
 * Average precision as in `accumulate` of cocoapi: mean over .5 to .95, at .5, at .4
 * (VinBigData), and mean over .1 to .7 (ChEX). NaN without true boxes.
 */
export const precisionPool: Pool = (samples) => {
  const { matched, owners, positives } = sortDetections(samples);
  const matches = AP_THRESHOLDS.map((_, bit) =>
    Int32Array.from(owners.keys()).filter((place) => matched[place]! >> bit & 1)
  );
  const detected = new Float64Array(owners.length);
  const [recalls, precisions] = [detected.slice(), detected.slice()];
  return (weights) => {
    const total = positives(weights);
    if (total === 0) return [NaN, NaN, NaN, NaN];
    let count = 0;
    for (let i = 0; i < owners.length; i++) detected[i] = count += weights[owners[i]!]!;
    const each = matches.map((own) => {
      let [length, hits] = [0, 0];
      for (let i = 0; i < own.length; i++) {
        const weight = weights[owners[own[i]!]!]!;
        if (weight === 0) continue;
        hits += weight;
        recalls[length] = hits / total;
        precisions[length++] = hits / (detected[own[i]!]! + EPSILON);
      }
      for (let i = length - 2; i >= 0; i--) {
        if (precisions[i + 1]! > precisions[i]!) precisions[i] = precisions[i + 1]!;
      }
      let [sum, at] = [0, 0];
      for (let i = 0; i < RECALLS.length; i++) {
        while (at < length && recalls[at]! < RECALLS[i]!) at++;
        if (at === length) break;
        sum += precisions[at]!;
      }
      return sum / RECALLS.length;
    });
    const mean = (values: number[]) =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    return [
      ...RANGES.map((range) => mean(each.slice(...range))),
      mean(FROM_TENTH.map((i) => each[i]!)),
    ];
  };
};

/** Counts are whole, so that this distance is only an error of rounding. */
const ROUNDING = 1e-9;

/** Place of IoU .5 in {@linkcode AP_THRESHOLDS}. */
const AT_HALF = 4;

/** False positives a sample at which {@linkcode frocPool} gives the recall (ChestX-Det10). */
const RATES = [0.05, 0.1, 0.2];

/**
 * Recall at IoU .5 at the lowest score with no more false positives a sample than each rate. Boxes
 * of equal scores count together. NaN without true boxes.
 */
export const frocPool: Pool = (samples) => {
  const { scores, matched, owners, positives } = sortDetections(samples);
  return (weights) => {
    const total = positives(weights);
    let count = 0;
    for (let i = 0; i < samples.length; i++) count += weights[i]!;
    const recalls = RATES.map(() => total === 0 ? NaN : 0);
    let [hits, misses] = [0, 0];
    for (let i = 0; i < owners.length && total > 0; i++) {
      const weight = weights[owners[i]!]!;
      if (matched[i]! >> AT_HALF & 1) hits += weight;
      else misses += weight;
      // Later detections only add false positives.
      if (misses > RATES.at(-1)! * count + ROUNDING) break;
      if (scores[i + 1] === scores[i]) continue;
      for (let j = 0; j < RATES.length; j++) {
        if (misses <= RATES[j]! * count + ROUNDING) recalls[j] = hits / total;
      }
    }
    return recalls;
  };
};

/** Bins of equal width of the expected calibration error. */
const BINS = 10;

/**
 * Expected calibration error (Guo et al., ICML 2017, with 10 bins) and Brier score of the boxes'
 * scores, as probabilities that a box matches at IoU .5. NaN without predicted boxes.
 */
export const calibrationPool: Pool = (samples) => {
  // Sums of each sample: a gap a bin, the squares of the gaps, and the number of boxes.
  const sums = samples.map((sample) => {
    const own = new Float64Array(BINS + 2);
    for (let at = 0; at < sample.length; at += DETECTION) {
      const score = sample[at]!;
      if (Number.isNaN(score)) continue;
      const gap = (sample[at + 1]! >> AT_HALF & 1) - score;
      own[Math.min(Math.max(Math.ceil(score * BINS) - 1, 0), BINS - 1)]! += gap;
      own[BINS]! += gap ** 2;
      own[BINS + 1]!++;
    }
    return own;
  });
  return (weights) => {
    const gaps = totals(sums, weights);
    const [brier, count] = gaps.splice(BINS) as [number, number];
    return [gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / count, brier / count];
  };
};

/** Recall at which {@linkcode existencePool} gives the share of false positives. */
const RECALL = 0.95;

/**
 * Scores of telling phrases with something to find from phrases without. The area under the ROC
 * curve counts ties one half. The second number is the share of negative phrases from the highest
 * score on that 95 % of the positive phrases reach. The numbers come by `peak`, then by `mean`; NaN
 * without phrases of both kinds.
 */
export const existencePool: Pool = (samples) => {
  const rankings = [2, 3].map((field) => {
    const order = [...samples.keys()].sort((one, other) =>
      samples[other]![field]! - samples[one]![field]!
    );
    return {
      order: Int32Array.from(order),
      isPresent: Uint8Array.from(order, (i) => Number(samples[i]![0] === 1)),
      scores: Float64Array.from(order, (i) => samples[i]![field]!),
    };
  });
  return (weights) =>
    rankings.flatMap(({ order, isPresent, scores }) => {
      let [positives, negatives] = [0, 0];
      for (let at = 0; at < order.length; at++) {
        if (isPresent[at]) positives += weights[order[at]!]!;
        else negatives += weights[order[at]!]!;
      }
      if (positives === 0 || negatives === 0) return [NaN, NaN];
      let [hits, wrong, area, share] = [0, 0, 0, NaN];
      let [tiedHits, tiedWrong] = [0, 0];
      for (let at = 0; at < order.length; at++) {
        if (isPresent[at]) tiedHits += weights[order[at]!]!;
        else tiedWrong += weights[order[at]!]!;
        if (scores[at + 1] === scores[at]) continue;
        area += tiedWrong * (hits + tiedHits / 2);
        hits += tiedHits;
        wrong += tiedWrong;
        [tiedHits, tiedWrong] = [0, 0];
        if (Number.isNaN(share) && hits >= RECALL * positives - ROUNDING) share = wrong / negatives;
      }
      return [area / (positives * negatives), share];
    });
};

/** Fields of an entry of `detection`: three of its existence, and then those of a detection. */
const [EXISTENCE, WIDTH] = [3, 3 + DETECTION];

/**
 * Scores of a detector: the areas of {@linkcode existencePool} by `peak` and by `mean`, and the
 * average precisions of {@linkcode precisionPool}.
 */
export const detectionPool: Pool = (samples) => {
  const existence = existencePool(
    samples.map(([present, peak, mean]) => Float64Array.of(present!, NaN, peak!, mean!)),
  );
  const precision = precisionPool(
    samples.map((sample) => sample.filter((_, at) => at % WIDTH >= EXISTENCE)),
  );
  return (weights) => {
    const [peakAuc, , meanAuc] = existence(weights);
    return [peakAuc!, meanAuc!, ...precision(weights)];
  };
};
