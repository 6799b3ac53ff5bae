/**
 * Counts and sums behind the scores, in plain TypeScript: the twin of the
 * `metrics` shader. They are those of the heatmap laid over the original image
 * by nearest neighbour, but the image-sized map is never made: the boxes' and
 * the crop's edges cut the image into cells, and inside a cell each heatmap
 * pixel stands for a known number of image pixels.
 *
 * @module
 */

import type { Box, Size } from "../base/geometry.ts";

/** What lies outside the centre square that the heatmap covers. */
export type Margin = "excluded" | "zero";

/** How much of an image a heatmap is laid over, and how much of that counts. */
export interface Coverage {
  /**
   * Side of the square in the middle of the image that it covers, in image pixels.
   *
   * @default {The image's shorter side}
   */
  readonly cover?: number;
  /**
   * Side of the part of it, in its middle, that counts, in image pixels.
   *
   * @default {All of it}
   */
  readonly visible?: number;
}

/** Counts and sums over the image pixels of one region. */
export interface RegionStatistics {
  /** Image pixels that have a value. */
  readonly pixels: number;
  /** Mean of their values; 0 where there are none. */
  readonly mean: number;
  /** Sum of the squared differences from the mean. */
  readonly squares: number;
  /** Pixels with a value above .1, .2, .3, .4 and .5. */
  readonly above: readonly number[];
  /** Pixels with a value of at least 0, .25, .5, .75 and 1. */
  readonly atLeast: readonly number[];
}

/** Statistics of a heatmap laid over an image with boxes. */
export interface GridStatistics {
  /** For each box, the pixels that no earlier box has: what CNR has left of it. */
  readonly boxes: readonly RegionStatistics[];
  /** The pixels in no box. */
  readonly background: RegionStatistics;
  /** Pixels in any box, with those outside the heatmap. */
  readonly boxPixels: number;
}

/** One stretch of an image axis between two edges of boxes or crop. */
export interface Segment {
  /** Image pixels in it. */
  readonly length: number;
  /** First heatmap pixel it shows, -1 outside the heatmap. */
  readonly first: number;
  /** For each heatmap pixel from `first` on, the image pixels that show it. */
  readonly counts: Int32Array;
}

/** One image axis, cut at all edges. */
interface Axis {
  readonly segments: readonly Segment[];
  /** From an edge's coordinate to the segment that starts there. */
  readonly segmentAt: ReadonlyMap<number, number>;
}

/** Running sums of one region; `shift` keeps a constant region's variance at exactly 0. */
export interface RegionSums {
  /** Image pixels. */
  pixels: number;
  /** A value that all sums are relative to. */
  shift: number;
  /** Sum of the differences from `shift`. */
  total: number;
  /** Sum of their squares. */
  squares: number;
  /** Pixels by how many of {@linkcode LEVELS} their values reach: `[LEVELS.length + 1]`. */
  readonly levels: Float64Array;
}

/** A part of the image that is all in the heatmap, or all outside it, and in one region. */
export interface Cell {
  /** Its stretch from top to bottom. */
  readonly row: Segment;
  /** Its stretch from left to right. */
  readonly column: Segment;
  /** The first box that has it, or the number of boxes where none does. */
  readonly owner: number;
}

/**
 * The lowest float32 value of each level, ascending: mIoU's "greater than" is
 * "at least the next float32", since PyTorch compares with the threshold as
 * float32.
 */
export const LEVELS: Float32Array = Float32Array.of(
  0,
  nextFloat32(0.1),
  nextFloat32(0.2),
  0.25,
  nextFloat32(0.3),
  nextFloat32(0.4),
  0.5,
  nextFloat32(0.5),
  0.75,
  1,
);

/** Where mIoU's thresholds .1, .2, .3, .4, .5 stand in {@linkcode LEVELS}. */
const ABOVE_LEVELS = [1, 2, 4, 5, 7];

/** Where the ROC thresholds 0, .25, .5, .75, 1 stand in {@linkcode LEVELS}. */
const AT_LEAST_LEVELS = [0, 3, 6, 8, 9];

/**
 * Gathers what the paper's scores (docs/method.md, section 3) need
 * in one pass over the heatmap, whatever the size of the image.
 *
 * @param heatmap Row-major square map of finite values.
 * @param mapSide Its side in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image, in order; they may overlap.
 * @param margin Whether image pixels outside what the heatmap covers have no value
 * (the released code) or 0 (the paper's text).
 * @param coverage What it covers.
 */
export function gridStatistics(
  heatmap: Float32Array,
  mapSide: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin = "excluded",
  coverage: Coverage = {},
): GridStatistics {
  const sums = Array.from({ length: boxes.length + 1 }, newSums);
  const cells = cutImage(mapSide, image, boxes, coverage);
  for (const { row, column, owner } of cells) {
    if (row.first >= 0 && column.first >= 0) {
      addCell(sums[owner]!, heatmap, mapSide, row, column);
    } else if (margin === "zero") {
      addValue(sums[owner]!, 0, row.length * column.length);
    }
  }
  return toStatistics(sums.map(regionStatistics), cells);
}

/**
 * Cuts an image at the edges of its boxes and of what the heatmap covers.
 *
 * @param mapSide Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image, in order; they may overlap.
 * @param coverage What the heatmap covers.
 */
export function cutImage(
  mapSide: number,
  image: Size,
  boxes: readonly Box[],
  { cover = Math.min(image.width, image.height), visible = cover }: Coverage = {},
): Cell[] {
  // What is not covered has no value, whatever else may be seen.
  const shown = Math.min(visible, cover);
  const columns = cutAxis(
    image.width,
    mapSide,
    cover,
    shown,
    boxes.flatMap(([x, , width]) => [x, x + width]),
  );
  const rows = cutAxis(
    image.height,
    mapSide,
    cover,
    shown,
    boxes.flatMap(([, y, , height]) => [y, y + height]),
  );
  const owners = cellOwners(columns, rows, boxes);
  return rows.segments.flatMap((row, rowIndex) =>
    columns.segments.map((column, columnIndex) => ({
      row,
      column,
      owner: owners[rowIndex * columns.segments.length + columnIndex]!,
    }))
  );
}

/**
 * Visits the values that the image's pixels have, from top to bottom within each
 * cell of {@linkcode cutImage}, cells in their order.
 *
 * @param margin Whether image pixels outside what the heatmap covers are passed over, or have 0.
 * @param visit Told a value, how many pixels of the image show it, whether they lie in a box,
 * and where the value stands in the heatmap; -1 for the margin's.
 * @param coverage What the heatmap covers.
 */
export function visitPixels(
  heatmap: Float32Array,
  mapSide: number,
  image: Size,
  boxes: readonly Box[],
  margin: Margin,
  visit: (value: number, pixels: number, isInside: boolean, index: number) => void,
  coverage: Coverage = {},
): void {
  for (const { row, column, owner } of cutImage(mapSide, image, boxes, coverage)) {
    const isInside = owner < boxes.length;
    if (row.first < 0 || column.first < 0) {
      if (margin === "zero") visit(0, row.length * column.length, isInside, -1);
      continue;
    }
    for (let y = 0; y < row.counts.length; y++) {
      const start = (row.first + y) * mapSide + column.first;
      for (let x = 0; x < column.counts.length; x++) {
        visit(heatmap[start + x]!, row.counts[y]! * column.counts[x]!, isInside, start + x);
      }
    }
  }
}

/** The statistics of an image from those of its regions, the background last. */
export function toStatistics(
  regions: readonly RegionStatistics[],
  cells: readonly Cell[],
): GridStatistics {
  const boxes = regions.slice(0, -1);
  let boxPixels = 0;
  for (const { row, column, owner } of cells) {
    if (owner < boxes.length) boxPixels += row.length * column.length;
  }
  return { boxes, background: regions.at(-1)!, boxPixels };
}

/** Joins the statistics of two regions that share no pixel. */
export function joinRegions(
  one: RegionStatistics,
  other: RegionStatistics,
): RegionStatistics {
  const pixels = one.pixels + other.pixels;
  if (one.pixels === 0 || other.pixels === 0) {
    const filled = one.pixels === 0 ? other : one;
    return { ...filled, pixels };
  }
  // Chan, Golub and LeVeque's update, which keeps equal means exactly equal.
  const difference = other.mean - one.mean;
  const share = other.pixels / pixels;
  return {
    pixels,
    mean: one.mean + difference * share,
    squares: one.squares + other.squares +
      difference * difference * one.pixels * share,
    above: one.above.map((count, index) => count + other.above[index]!),
    atLeast: one.atLeast.map((count, index) => count + other.atLeast[index]!),
  };
}

/**
 * The heatmap pixel that each pixel of what the heatmap covers shows, along one axis.
 *
 * @param mapSide Side of the heatmap in pixels.
 * @param cover Side of what it covers, in image pixels.
 */
export function nearestPixel(mapSide: number, cover: number): (index: number) => number {
  // PyTorch's nearest neighbour multiplies by a float32 scale, which for some
  // sizes differs from floor(index * mapSide / cover) in exact arithmetic.
  const scale = Math.fround(mapSide / cover);
  return (index) => Math.min(Math.floor(Math.fround(index * scale)), mapSide - 1);
}

/** Cuts one image axis at the given edges and at the edges of what is visible. */
function cutAxis(
  length: number,
  mapSide: number,
  cover: number,
  visible: number,
  boxEdges: readonly number[],
): Axis {
  const start = Math.floor((length - cover) / 2);
  const shown = Math.floor((length - visible) / 2);
  const edges = [
    ...new Set([0, length, shown, shown + visible, ...boxEdges]),
  ].sort((one, other) => one - other);
  const source = nearestPixel(mapSide, cover);
  const segments: Segment[] = [];
  for (let index = 0; index + 1 < edges.length; index++) {
    const from = edges[index]!;
    const to = edges[index + 1]!;
    if (from < shown || to > shown + visible) {
      segments.push({ length: to - from, first: -1, counts: new Int32Array() });
      continue;
    }
    const first = source(from - start);
    const counts = new Int32Array(source(to - 1 - start) - first + 1);
    for (let pixel = from - start; pixel < to - start; pixel++) {
      counts[source(pixel) - first]!++;
    }
    segments.push({ length: to - from, first, counts });
  }
  return {
    segments,
    segmentAt: new Map(edges.map((edge, index) => [edge, index])),
  };
}

/**
 * For each cell the first box that has it, or the number of boxes where none
 * does: row-major [row segments, column segments].
 */
function cellOwners(
  columns: Axis,
  rows: Axis,
  boxes: readonly Box[],
): Int32Array {
  const stride = columns.segments.length;
  const owners = new Int32Array(stride * rows.segments.length)
    .fill(boxes.length);
  // Painted from the last to the first, so that the first stays on top.
  for (let owner = boxes.length - 1; owner >= 0; owner--) {
    const [x, y, width, height] = boxes[owner]!;
    const left = columns.segmentAt.get(x)!;
    const right = columns.segmentAt.get(x + width)!;
    const bottom = rows.segmentAt.get(y + height)!;
    for (let row = rows.segmentAt.get(y)!; row < bottom; row++) {
      owners.fill(owner, row * stride + left, row * stride + right);
    }
  }
  return owners;
}

/** Adds the heatmap pixels of one cell, each as often as image pixels show it. */
function addCell(
  sums: RegionSums,
  heatmap: Float32Array,
  mapSide: number,
  row: Segment,
  column: Segment,
): void {
  const { levels } = sums;
  const origin = row.first * mapSide + column.first;
  if (sums.pixels === 0) sums.shift = heatmap[origin]!;
  const { shift } = sums;
  let total = 0;
  let squares = 0;
  for (let y = 0; y < row.counts.length; y++) {
    const start = origin + y * mapSide;
    const rowCount = row.counts[y]!;
    for (let x = 0; x < column.counts.length; x++) {
      const value = heatmap[start + x]!;
      const count = rowCount * column.counts[x]!;
      const difference = value - shift;
      total += count * difference;
      squares += count * difference * difference;
      levels[levelOf(value)]! += count;
    }
  }
  sums.pixels += row.length * column.length;
  sums.total += total;
  sums.squares += squares;
}

/** Adds one value that a number of image pixels have. */
export function addValue(sums: RegionSums, value: number, pixels: number): void {
  if (sums.pixels === 0) sums.shift = value;
  const difference = value - sums.shift;
  sums.pixels += pixels;
  sums.total += pixels * difference;
  sums.squares += pixels * difference * difference;
  sums.levels[levelOf(value)]! += pixels;
}

/** How many of {@linkcode LEVELS} a value reaches. */
function levelOf(value: number): number {
  let level = 0;
  while (level < LEVELS.length && value >= LEVELS[level]!) level++;
  return level;
}

/** Sums of no pixels. */
export function newSums(): RegionSums {
  return {
    pixels: 0,
    shift: 0,
    total: 0,
    squares: 0,
    levels: new Float64Array(LEVELS.length + 1),
  };
}

/** A region's statistics from its sums. */
export function regionStatistics(sums: RegionSums): RegionStatistics {
  const { pixels, shift, total, squares, levels } = sums;
  const reaching = (level: number) =>
    levels.subarray(level + 1).reduce((count, more) => count + more, 0);
  const offset = pixels === 0 ? 0 : total / pixels;
  return {
    pixels,
    mean: shift + offset,
    squares: Math.max(squares - total * offset, 0),
    above: ABOVE_LEVELS.map(reaching),
    atLeast: AT_LEAST_LEVELS.map(reaching),
  };
}

/** The float32 value right above a positive number's float32 rounding. */
function nextFloat32(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]!++;
  return new Float32Array(bits.buffer)[0]!;
}
