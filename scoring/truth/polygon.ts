/**
 * Fills polygons by COCO's rule.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import type { Size } from "../../base/geometry.ts";
import { fillRun } from "./rle.ts";

/** Points on the boundary per pixel, as in cocoapi. */
const SCALE = 5;

/** Largest coordinate, either way: twice the largest side of an image. */
const MAX_COORDINATE = 131070;

/** Most points on a boundary; the outline of a lung has 30 000. */
const MAX_POINTS = 2 ** 24;

/**
 * Fills a polygon as `rleFrPoly` in `maskApi.c` of cocoapi does: the same pixels, also where edges
 * cross. The boundary is drawn with five points per pixel; in each column, pixels between the first
 * and the second crossing are inside, and so on. Parts outside the image are cut off.
 *
 * @param corners `x0, y0, x1, y1, …` in pixels of the image, with 0 at its left or top edge.
 * @param size Size of the image in pixels.
 * @param name Name of the polygon in errors.
 * @param put Called with the row-major index of each pixel inside.
 * @returns True if a corner lies outside the image.
 * @throws {RangeError} If the numbers are odd in number, are not finite, or make no three corners.
 */
export function fillPolygon(
  corners: readonly number[],
  { width, height }: Size,
  name: string,
  put: (index: number) => void,
): boolean {
  requireCorners(corners, name);
  const count = corners.length / 2;
  const grid = corners.map((value) => Math.trunc(SCALE * value + 0.5));
  const steps = (corner: number) => {
    const [from, to] = [2 * corner, 2 * ((corner + 1) % count)];
    return Math.max(Math.abs(grid[from]! - grid[to]!), Math.abs(grid[from + 1]! - grid[to + 1]!));
  };
  let points = 0;
  for (let corner = 0; corner < count; corner++) points += steps(corner) + 1;
  if (points > MAX_POINTS) {
    throw new InputRangeError(
      `Cannot read ${name}: its boundary of ${Math.round(points / SCALE)} pixels is longer than ` +
        Math.floor(MAX_POINTS / SCALE),
    );
  }
  // Rows at which the boundary crosses the middle of a column, as column * height + row.
  const crossings: number[] = [];
  let last: readonly [u: number, v: number] | undefined;
  const visit = (u: number, v: number) => {
    if (last && u !== last[0]) {
      const column = ((u < last[0] ? u : u - 1) + 0.5) / SCALE - 0.5;
      if (Number.isInteger(column) && column >= 0 && column <= width - 1) {
        const row = (Math.min(v, last[1]) + 0.5) / SCALE - 0.5;
        crossings.push(column * height + Math.ceil(Math.max(0, Math.min(row, height))));
      }
    }
    last = [u, v];
  };
  for (let corner = 0; corner < count; corner++) {
    const next = (corner + 1) % count;
    let [xs, ys] = [grid[2 * corner]!, grid[2 * corner + 1]!];
    let [xe, ye] = [grid[2 * next]!, grid[2 * next + 1]!];
    const [dx, dy] = [Math.abs(xe - xs), Math.abs(ye - ys)];
    const length = Math.max(dx, dy);
    const isFlat = dx >= dy;
    const isTurned = isFlat ? xs > xe : ys > ye;
    if (isTurned) [xs, ys, xe, ye] = [xe, ye, xs, ys];
    // Two equal corners make a single point, which has no slope.
    const slope = length === 0 ? 0 : isFlat ? (ye - ys) / dx : (xe - xs) / dy;
    for (let d = 0; d <= length; d++) {
      const t = isTurned ? length - d : d;
      if (isFlat) visit(t + xs, Math.trunc(ys + slope * t + 0.5));
      else visit(Math.trunc(xs + slope * t + 0.5), t + ys);
    }
  }
  const edges = Float64Array.from(crossings).sort();
  for (let i = 0; i < edges.length; i += 2) {
    fillRun(edges[i]!, edges[i + 1] ?? width * height, { width, height }, put);
  }
  return corners.some((value, i) => value < 0 || value > (i % 2 === 0 ? width : height));
}

function requireCorners(corners: readonly number[], name: string): void {
  const fault = (reason: string) => new InputRangeError(`Cannot read ${name}: ${reason}`);
  if (corners.length % 2 === 1) {
    throw fault(`it has ${corners.length} numbers, expected x and y of each corner`);
  }
  if (corners.length < 6) {
    throw fault(`it has ${corners.length / 2} corners, expected at least 3`);
  }
  const bad = corners.findIndex((value) => !(Math.abs(value) <= MAX_COORDINATE));
  if (bad >= 0) {
    throw fault(
      `number ${bad + 1} is ${corners[bad]}, expected a position in pixels up to ${MAX_COORDINATE}`,
    );
  }
}
