/**
 * Scores of a set of predicted boxes against a set of ground-truth boxes.
 *
 * @module
 */

import { area, type Box, intersect } from "../../base/geometry.ts";
import type { Truth } from "../../base/region.ts";
import { overlapOf } from "../box_iou.ts";
import type { ScoredBox } from "./map_boxes.ts";

/** Numbers of a sample by name. */
export type Entry = Readonly<Record<string, number>>;

/**
 * Exact IoU of what predicted boxes and the ground truth cover, 0..1. Both empty give 1, as in the
 * evaluator of ClueGround's reproductions (`exact_union_iou`).
 */
export function unionIou(predicted: readonly Box[], truth: Truth): number {
  const { shared, covered } = overlapOf(predicted, truth);
  return covered === 0 ? 1 : shared / covered;
}

/** IoU of two boxes, 0..1; 0 if both have no area. */
export function iou(one: Box, other: Box): number {
  const shared = area(intersect(one, other));
  const covered = area(one) + area(other) - shared;
  return covered === 0 ? 0 : shared / covered;
}

/** IoU of each predicted box with each true box. */
function matrixOf(predicted: readonly ScoredBox[], truth: readonly Box[]): number[][] {
  return predicted.map(({ box }) => truth.map((other) => iou(box, other)));
}

/**
 * Scores the first predicted box against the only true box, as MedRPG, TransVG and ClueGround do
 * (`summarize_records`).
 *
 * @returns `undefined` if the sample has several true boxes.
 */
export function firstBox(
  predicted: readonly ScoredBox[],
  truth: readonly Box[],
): Entry | undefined {
  if (truth.length !== 1) return undefined;
  const value = predicted.length > 0 ? iou(predicted[0]!.box, truth[0]!) : 0;
  return { iouFirst: value, hitAt30: Number(value >= 0.3), hitAt50: Number(value >= 0.5) };
}

/**
 * F1 of the largest one-to-one matching of boxes at an IoU from .3 and from .5, as ClueGround
 * (`maximum_set_f1`). Both sets empty give 1.
 */
export function setF1(predicted: readonly ScoredBox[], truth: readonly Box[]): Entry {
  const matrix = matrixOf(predicted, truth);
  const f1 = (threshold: number) =>
    f1Of(matchMost(matrix, truth.length, threshold), predicted.length, truth.length);
  return { f1At30: f1(0.3), f1At50: f1(0.5) };
}

/**
 * Returns 1 if all boxes match one to one, else 0: gRefCOCO's F1 = 1 (He et al., "GREC", 2023). The
 * pair of the highest IoU is matched first, down to .5. The paper's text matches by IoU; the
 * released code by generalised IoU.
 */
export function matchesExactly(predicted: readonly ScoredBox[], truth: readonly Box[]): number {
  const matrix = matrixOf(predicted, truth);
  const matched = matchGreedily(matrix, (value) => value >= 0.5).length;
  return Number(matched === predicted.length && matched === truth.length);
}

/**
 * Sums behind the panoptic quality (Kirillov et al., CVPR 2019): boxes match if their IoU is above
 * .5, which is one to one where predicted boxes do not overlap; the highest IoU matches first.
 */
export function panoptic(predicted: readonly ScoredBox[], truth: readonly Box[]): Entry {
  const matched = matchGreedily(matrixOf(predicted, truth), (value) => value > 0.5);
  return {
    overlap: matched.reduce((sum, value) => sum + value, 0),
    truePositives: matched.length,
    falsePositives: predicted.length - matched.length,
    falseNegatives: truth.length - matched.length,
  };
}

/** IoU thresholds of {@linkcode detections}: .1 to .4, and COCO's `linspace(.5, .95, 10)`. */
export const AP_THRESHOLDS: readonly number[] = [
  ...[0.1, 0.2, 0.3, 0.4],
  ...Array.from({ length: 10 }, (_, i) => 0.5 + i * ((0.95 - 0.5) / 9)),
];

/** Most boxes of a sample, as COCO's `maxDets`. */
const MOST_DETECTIONS = 100;

/**
 * The predicted boxes of a sample as detections, matched as in `evaluateImg` of cocoapi. Each
 * detection takes the free true box with the highest IoU, highest score first.
 *
 * @returns An entry a box: its score, and as bits whether it matches at each of
 * {@linkcode AP_THRESHOLDS}. `truths` of the first entry is the number of true boxes. Without a
 * predicted box the only entry has no score.
 */
export function detections(predicted: readonly ScoredBox[], truth: readonly Box[]): Entry[] {
  const sorted = predicted.toSorted((a, b) => b.score - a.score).slice(0, MOST_DETECTIONS);
  const matrix = matrixOf(sorted, truth);
  const matched = sorted.map(() => 0);
  for (const [bit, threshold] of AP_THRESHOLDS.entries()) {
    const isTaken = truth.map(() => false);
    for (const [i, row] of matrix.entries()) {
      let [best, at] = [threshold, -1];
      // Of equal overlaps the last counts, as in cocoapi.
      for (const [j, value] of row.entries()) {
        if (!isTaken[j] && value >= best) [best, at] = [value, j];
      }
      if (at < 0) continue;
      isTaken[at] = true;
      matched[i]! += 2 ** bit;
    }
  }
  const truths = truth.length;
  if (sorted.length === 0) return [{ score: NaN, matched: 0, truths }];
  return sorted.map(({ score }, i) => ({
    ...{ score, matched: matched[i]!, truths: i === 0 ? truths : 0 },
  }));
}

/** F1 of a number of matches between two sets. */
function f1Of(matches: number, predicted: number, truth: number): number {
  return predicted + truth === 0 ? 1 : 2 * matches / (predicted + truth);
}

/** Size of the largest one-to-one matching of pairs with an IoU from a threshold. */
function matchMost(matrix: readonly number[][], truths: number, threshold: number): number {
  const matchOf = new Int32Array(truths).fill(-1);
  const augment = (row: number, isSeen: Uint8Array): boolean =>
    matrix[row]!.some((value, column) => {
      if (value < threshold || isSeen[column]) return false;
      isSeen[column] = 1;
      const before = matchOf[column]!;
      if (before >= 0 && !augment(before, isSeen)) return false;
      matchOf[column] = row;
      return true;
    });
  return matrix.filter((_, row) => augment(row, new Uint8Array(truths))).length;
}

/** IoU of the pairs that match one to one, if the highest IoU matches first. */
function matchGreedily(
  matrix: readonly number[][],
  isMatch: (value: number) => boolean,
): number[] {
  const pairs = matrix.flatMap((row, i) => row.map((value, j) => ({ value, i, j })))
    .filter(({ value }) => isMatch(value)).sort((a, b) => b.value - a.value);
  const [rows, columns] = [new Set<number>(), new Set<number>()];
  return pairs.filter(({ i, j }) => {
    if (rows.has(i) || columns.has(j)) return false;
    rows.add(i);
    columns.add(j);
    return true;
  }).map(({ value }) => value);
}
