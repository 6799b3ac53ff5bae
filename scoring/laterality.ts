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
