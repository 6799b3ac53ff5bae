/**
 * Sides of heatmaps and of their ground truth.
 *
 * @module
 */

import type { CropRegion } from "../base/geometry.ts";
import { isRegion, type Truth } from "../base/region.ts";
import { squareSide } from "../shaders/aggregate_cpu.ts";

/** A side of the patient; the patient's left is the right of a frontal X-ray. */
export type Side = "left" | "right";

/** Side that a phrase names; `undefined` if it names none, or both. */
export function sideOf(phrase: string): Side | undefined {
  const [isLeft, isRight] = [/\bleft\b/i.test(phrase), /\bright\b/i.test(phrase)];
  return isLeft === isRight ? undefined : isLeft ? "left" : "right";
}

/** A text without the words for sides, in lower case. */
export function withoutSide(text: string): string {
  return text.toLowerCase().replaceAll(/\b(left|right)\b/g, " ").replaceAll(/\s+/g, " ").trim();
}

/** Words and marks for one side, each with its counterpart. `RML` has none: there is no left one. */
const COUNTERPARTS: Readonly<Record<string, string>> = {
  ...{ left: "right", leftward: "rightward", leftwards: "rightwards", lt: "rt", l: "r" },
  ...{ lul: "rul", lll: "rll" },
};

const OTHERS: ReadonlyMap<string, string> = new Map(
  Object.entries(COUNTERPARTS).flatMap(([left, right]) => [[left, right], [right, left]] as const),
);

/**
 * Marks of a side. Marks that are short count in capitals alone (`L`, `RUL`) or with a capital (`Lt`),
 * and never in `R/O`, "rule out". `L1` is a vertebra, and the L spine is lumbar.
 */
const MARKS =
  /(?<![\p{L}\p{N}])(?:[Ll]eft(?:wards?)?|LEFT|[Rr]ight(?:wards?)?|RIGHT|L[Tt]|R[Tt]|LUL|LLL|RUL|RML|RLL|[LR])(?![\p{L}\p{N}]|[- ][Ss]pine|\/[oO](?![\p{L}\p{N}]))/gu;

/** Words for both sides at once. */
const BOTH = /\b(?:both|bi(?:lateral|basilar|basal|apical|hilar|pulmonary)(?:ly)?)\b/i;

/** The text with each mark's counterpart; `undefined` if a mark has none. */
function exchange(text: string): string | undefined {
  let isWhole = true;
  const found = text.replace(MARKS, (mark) => {
    const other = OTHERS.get(mark.toLowerCase());
    if (other === undefined) isWhole = false;
    else if (mark === mark.toUpperCase()) return other.toUpperCase();
    else if (mark[0] !== mark[0]!.toLowerCase()) return other[0]!.toUpperCase() + other.slice(1);
    return other ?? mark;
  });
  return isWhole ? found : undefined;
}

/**
 * A phrase with the other side: "Left-sided effusion" gives "Right-sided effusion", "L base" gives
 * "R base".
 *
 * @returns `undefined` if the phrase names no side, both sides, or a part that only one side has.
 */
export function swapSide(phrase: string): string | undefined {
  const sides = new Set([...phrase.matchAll(MARKS)].map(([mark]) => mark[0]!.toLowerCase()));
  return sides.size === 1 && !BOTH.test(phrase) ? exchange(phrase) : undefined;
}

/**
 * A phrase for the mirrored image: each side becomes the other side, also where a phrase names both.
 *
 * @returns `undefined` if the phrase names a part that only one side has.
 */
export function mirrorPhrase(phrase: string): string | undefined {
  return exchange(phrase);
}

/** Mass by columns of equal width. */
export interface Profile {
  /** Mass of each column, at least 0. */
  readonly masses: Float64Array;
  /** Left edge of the first column, in pixels of the image. */
  readonly left: number;
  /** Width of each column, in pixels of the image. */
  readonly step: number;
}

/**
 * Pixels of ground truth by column of the image. Pixels of several boxes count for each box.
 *
 * @param truth Boxes of whole pixels inside the image, or a region.
 * @param width Width of the image in pixels.
 */
export function truthProfile(truth: Truth, width: number): Profile {
  const masses = new Float64Array(width);
  const add = (from: number, to: number, mass: number) => {
    for (let column = from; column < to; column++) masses[column]! += mass;
  };
  if (isRegion(truth)) {
    const { runs } = truth;
    for (let at = 0; at < runs.length; at += 2) add(runs[at]!, runs[at + 1]!, 1);
  } else for (const [x, , boxWidth, height] of truth) add(x, x + boxWidth, height);
  return { masses, left: 0, step: 1 };
}

/**
 * Sums of a heatmap's columns.
 *
 * @param heatmap Row-major square map of values from 0.
 * @param crop The part of the image that the heatmap covers.
 */
export function heatmapProfile(heatmap: Float32Array, { x, side }: CropRegion): Profile {
  const size = squareSide(heatmap.length, "heatmap values");
  const masses = new Float64Array(size);
  heatmap.forEach((value, i) => masses[i % size]! += value);
  return { masses, left: x, step: side / size };
}

/** Centre of mass in pixels of the image; NaN without mass. */
export function centerOf({ masses, left, step }: Profile): number {
  let [sum, moment] = [0, 0];
  masses.forEach((mass, column) => {
    sum += mass;
    moment += mass * (column + 0.5);
  });
  return left + step * moment / sum;
}

/**
 * Share of the mass to the right of a vertical line, 0..1; NaN without mass. A column on the line
 * counts by the parts of its width.
 *
 * @param line Position in pixels of the image.
 */
export function shareRightOf({ masses, left, step }: Profile, line: number): number {
  let [sum, right] = [0, 0];
  masses.forEach((mass, column) => {
    sum += mass;
    right += mass * Math.min(Math.max(column + 1 - (line - left) / step, 0), 1);
  });
  return right / sum;
}
