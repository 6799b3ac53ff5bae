/**
 * Maps that know neither the phrase nor the image, as floors of a method's scores.
 *
 * @module
 */

import { coverOf, type CropRegion } from "../../base/geometry.ts";
import { areaWithin, isRegion, type Truth } from "../../base/region.ts";
import { maskHeatmap } from "../../pipeline/postprocess.ts";
import { scoreHeatmap, type Scores } from "../../scoring/score_heatmap.ts";
import { normalize01, squareSide, valueRange } from "../../shaders/aggregate_cpu.ts";
import type { Margin } from "../../shaders/metrics_cpu.ts";
import type { StoredHeatmap } from "../../pipeline/evaluate.ts";

/** Floors, in the order of tables. */
export const FLOORS = [
  "centre",
  "mean-truth",
  "mean-truth-of-class",
  "mean-map",
  "mean-map-of-class",
] as const;

/** Name of a map that knows no phrase. */
export type Floor = typeof FLOORS[number];

/**
 * Side of a floor in cells. All floors are smooth, and maps of all sizes need one grid for their
 * mean; a cell is 8 pixels of a map of 512.
 */
export const FLOOR_SIDE = 64;

/** Standard deviation of the centre Gaussian, as a share of the map's side. */
export const CENTER_SIGMA = 1 / 4;

/** A sample by one method, with its map and its ground truth on the cells of a floor. */
export interface GridSample {
  /** Unit of the sample, see `unitsOf`. */
  readonly unit: string;
  readonly category: string;
  /** The part of the image that the map covers. */
  readonly crop: CropRegion;
  readonly image: StoredHeatmap["image"];
  readonly truth: Truth;
  /** Maps of different views have no mean. */
  readonly view: string;
  /** `[side, side]` of {@linkcode FLOOR_SIDE}: the map before Otsu's threshold, at the cells' centres. */
  readonly map: Float32Array;
  /** The same of ground truth: 1 inside, otherwise 0. */
  readonly region: Float32Array;
}

/** Values of a square map at the centres of a floor's cells. */
export function mapCells(map: Float32Array): Float32Array {
  const size = squareSide(map.length, "heatmap values");
  const at = (cell: number) => Math.floor((cell + 0.5) * size / FLOOR_SIDE);
  return cells((column, row) => map[at(row) * size + at(column)]!);
}

/** Ground truth at the centres of a floor's cells, 1 inside. */
export function truthCells(truth: Truth, { x, y, side, height = side }: CropRegion): Float32Array {
  const isInside = isRegion(truth)
    ? (column: number, row: number) => areaWithin(truth, [column, row, 1, 1]) > 0
    : (column: number, row: number) =>
      truth.some(([left, top, width, down]) =>
        column >= left && column < left + width && row >= top && row < top + down
      );
  const place = (cell: number, from: number, length: number) =>
    from + Math.floor((cell + 0.5) * length / FLOOR_SIDE);
  return cells((column, row) => Number(isInside(place(column, x, side), place(row, y, height))));
}

/** A Gaussian in the centre of the map. */
function centerGaussian(): Float32Array {
  const square = (cell: number) => ((cell + 0.5) / FLOOR_SIDE - 0.5) ** 2 / (2 * CENTER_SIGMA ** 2);
  return cells((column, row) => Math.exp(-square(column) - square(row)));
}

function cells(valueOf: (column: number, row: number) => number): Float32Array {
  return Float32Array.from(
    { length: FLOOR_SIDE ** 2 },
    (_, i) => valueOf(i % FLOOR_SIDE, Math.floor(i / FLOOR_SIDE)),
  );
}

/** Finds the floors of samples. */
export class Floors {
  readonly #groups = new Map<string, readonly GridSample[]>();
  readonly #sums = new Map<string, Float64Array>();

  /** @param samples All samples of one method, in an order that does not depend on the run's. */
  constructor(samples: readonly GridSample[]) {
    for (const [view, all] of Map.groupBy(samples, ({ view }) => view)) {
      this.#groups.set(view, all);
      for (const [category, own] of Map.groupBy(all, ({ category }) => category)) {
        this.#groups.set(JSON.stringify([view, category]), own);
      }
    }
  }

  /**
   * A floor of a sample, not scaled. A mean leaves out all samples of the sample's unit: the truth of
   * a patient's other samples says something about its own.
   *
   * @returns `undefined` if no other unit has a sample to average.
   */
  of(floor: Floor, { unit, category, view }: GridSample): Float32Array | undefined {
    if (floor === "centre") return centerGaussian();
    const isTruth = floor === "mean-truth" || floor === "mean-truth-of-class";
    const cellsOf = ({ region, map }: GridSample) => isTruth ? region : map;
    const key = floor.endsWith("of-class") ? JSON.stringify([view, category]) : view;
    const all = this.#groups.get(key)!;
    const sumKey = JSON.stringify([isTruth, key]);
    const sum = this.#sums.get(sumKey) ?? sumOf(all.map(cellsOf));
    this.#sums.set(sumKey, sum);
    const left = all.filter((sample) => sample.unit === unit);
    const count = all.length - left.length;
    if (count === 0) return undefined;
    const without = sumOf(left.map(cellsOf));
    return Float32Array.from(sum, (value, i) => (value - without[i]!) / count);
  }
}

function sumOf(maps: readonly Float32Array[]): Float64Array {
  const sum = new Float64Array(FLOOR_SIDE ** 2);
  for (const map of maps) for (let i = 0; i < sum.length; i++) sum[i]! += map[i]!;
  return sum;
}

/**
 * Scores a floor against the ground truth of a sample. The floor is scaled to 0..1, and cut at Otsu's
 * threshold if the method's maps are.
 */
export function scoreFloor(
  floor: Float32Array,
  { crop, image, truth }: GridSample,
  { otsu, margin }: { readonly otsu: boolean | number; readonly margin: Margin },
): Scores {
  const { minimum, maximum } = valueRange(floor);
  const constant = minimum === maximum;
  const normalised = constant ? new Float32Array(floor.length) : normalize01(floor);
  const { heatmap } = maskHeatmap({ normalised, constant }, FLOOR_SIDE, otsu);
  return scoreHeatmap(heatmap, image, truth, { margin, cover: coverOf(crop) });
}
