import { type Box, coveredArea, type Size } from "./geometry.ts";

/**
 * A set of pixels of an image, as runs within rows. The outline of a lung takes some 20 KB, and a
 * byte for each pixel would take 5 MB: many regions wait beside the images in flight.
 */
export interface Region extends Size {
  /** First column of each run, and the column after its last, in reading order. */
  readonly runs: Uint32Array;
  /** Number of runs before each row, and of all runs at the end: `[height + 1]`. */
  readonly rows: Uint32Array;
}

/** Ground truth of a phrase: boxes, or a region. */
export type Truth = readonly Box[] | Region;

/** Ground truth is a region if it has runs. */
export function isRegion(truth: Truth): truth is Region {
  return "runs" in truth;
}

/**
 * Converts a mask to a region.
 *
 * @param mask Row-major `[height, width]`; values other than 0 are in the region.
 * @param size Size of the mask and its image in pixels.
 * @throws {RangeError} If the mask has another number of values than the size says.
 */
export function regionOf(mask: ArrayLike<number>, { width, height }: Size): Region {
  if (mask.length !== width * height) {
    throw new RangeError(`Cannot use a mask of ${mask.length} values: expected ${width}x${height}`);
  }
  const runs: number[] = [];
  const rows = new Uint32Array(height + 1);
  for (let y = 0, at = 0; y < height; y++) {
    let isInside = false;
    for (let x = 0; x < width; x++, at++) {
      if (mask[at] !== 0 === isInside) continue;
      runs.push(x);
      isInside = !isInside;
    }
    if (isInside) runs.push(width);
    rows[y + 1] = runs.length / 2;
  }
  return { width, height, runs: Uint32Array.from(runs), rows };
}

/** Yields a box of one row for each run of a region, in reading order. */
export function* runsOf({ height, runs, rows }: Region): Generator<Box, void> {
  for (let y = 0; y < height; y++) {
    for (let run = rows[y]!; run < rows[y + 1]!; run++) {
      const x = runs[2 * run]!;
      yield [x, y, runs[2 * run + 1]! - x, 1];
    }
  }
}

/** Converts a region to a mask: row-major `[height, width]` of 0 and 1. */
export function maskOf(region: Region): Uint8Array {
  const { width, height } = region;
  const mask = new Uint8Array(width * height);
  for (const [x, y, length] of runsOf(region)) mask.fill(1, y * width + x, y * width + x + length);
  return mask;
}

/** The region in the image mirrored left to right. */
export function mirrorRegion(region: Region): Region {
  const mask = maskOf(region);
  for (let y = 0; y < region.height; y++) {
    mask.subarray(y * region.width, (y + 1) * region.width).reverse();
  }
  return regionOf(mask, region);
}

/** Number of a region's pixels. */
export function regionArea({ runs }: Region): number {
  let pixels = 0;
  for (let at = 0; at < runs.length; at += 2) pixels += runs[at + 1]! - runs[at]!;
  return pixels;
}

/** Number of the image's pixels in boxes or a region. */
export function truthArea(truth: Truth): number {
  return isRegion(truth) ? regionArea(truth) : coveredArea(truth);
}

/** Number of a region's pixels inside a box of whole pixels. */
export function areaWithin({ height, runs, rows }: Region, [x, y, width, length]: Box): number {
  let pixels = 0;
  const last = rows[Math.min(Math.max(y + length, 0), height)]!;
  for (let run = rows[Math.min(Math.max(y, 0), height)]!; run < last; run++) {
    const [from, to] = [Math.max(runs[2 * run]!, x), Math.min(runs[2 * run + 1]!, x + width)];
    pixels += Math.max(to - from, 0);
  }
  return pixels;
}

/** The smallest box around a region; `undefined` if the region has no pixel. */
export function boundsOf({ height, runs, rows }: Region): Box | undefined {
  if (runs.length === 0) return undefined;
  let [left, right] = [Infinity, 0];
  for (let at = 0; at < runs.length; at += 2) {
    left = Math.min(left, runs[at]!);
    right = Math.max(right, runs[at + 1]!);
  }
  let [top, bottom] = [0, height];
  while (rows[top + 1] === 0) top++;
  while (rows[bottom - 1] === rows[height]) bottom--;
  return [left, top, right - left, bottom - top];
}

/** The box that a region fills; `undefined` if the region is no rectangle. */
export function filledBox(region: Region): Box | undefined {
  const box = boundsOf(region);
  return box && box[2] * box[3] === regionArea(region) ? box : undefined;
}
