/**
 * Counts and sums behind the scores, in plain TypeScript: the twin of the `metrics` shader. The
 * scores lay the heatmap over the original image by nearest neighbour, but this module never makes
 * the image-sized map. Instead, the edges of the boxes and of the crop cut the image into cells.
 * Inside a cell, each heatmap pixel stands for a known number of image pixels.
 *
 * @module
 */

import { type Box, type Cover, coveredLength, type Size } from "../base/geometry.ts";
import { filledBox, isRegion, type Region, regionArea, type Truth } from "../base/region.ts";

/** Treatment of image pixels outside the part that the heatmap covers. */
export type Margin = "excluded" | "zero";

/** The part of an image that a heatmap covers, and the part of it that counts. */
export interface Coverage {
  /**
   * Side of the central square of the image that the heatmap covers, in image pixels; or all of
   * the image.
   *
   * @default {The image's shorter side}
   */
  readonly cover?: Cover;
  /**
   * Side of the central square of this part that counts, in image pixels.
   *
   * @default {The whole part}
   */
  readonly visible?: number;
}

/** Counts and sums over the image pixels of one region. */
export interface RegionStatistics {
  /** Number of image pixels that have a value. */
  readonly pixels: number;
  /** Mean of the values; 0 if there are none. */
  readonly mean: number;
  /** Sum of the squared differences from the mean. */
  readonly squares: number;
  /** Numbers of pixels with a value above .1, .2, .3, .4 and .5. */
  readonly above: readonly number[];
  /** Numbers of pixels with a value of at least 0, .25, .5, .75 and 1. */
  readonly atLeast: readonly number[];
}

/** Statistics of a heatmap laid over an image with boxes or a region. */
export interface RegionCounts {
  /**
   * For each box, statistics of the pixels that no earlier box contains, as CNR uses them. A region
   * counts as one box.
   */
  readonly boxes: readonly RegionStatistics[];
  /** Statistics of the pixels in no box, or outside the region. */
  readonly background: RegionStatistics;
  /** Number of image pixels in any box, including pixels outside the heatmap. */
  readonly boxPixels: number;
}

/** A stretch of an image axis between two neighbouring edges of boxes or crop. */
export interface Segment {
  /** Number of image pixels in the segment. */
  readonly length: number;
  /** First heatmap pixel that the segment shows; -1 outside the heatmap. */
  readonly first: number;
  /** For each heatmap pixel from `first` on, the number of image pixels that show it. */
  readonly counts: Int32Array;
}

/** One image axis, cut at all edges. */
interface Axis {
  readonly segments: readonly Segment[];
  /** Index of the segment that starts at an edge, by the edge's coordinate. */
  readonly segmentAt: ReadonlyMap<number, number>;
}

/** Running sums of one region; `shift` keeps a constant region's variance at exactly 0. */
export interface RegionSums {
  /** Number of image pixels. */
  pixels: number;
  /** A value that all sums are relative to. */
  shift: number;
  /** Sum of the differences from `shift`. */
  total: number;
  /** Sum of the squared differences from `shift`. */
  squares: number;
  /**
   * Numbers of pixels, by how many of {@linkcode LEVELS} their values reach: `[LEVELS.length + 1]`.
   */
  readonly levels: Float64Array;
}

/** A part of the image that lies in one region, and entirely inside or outside the heatmap. */
export interface Cell {
  /** Segment of the cell from top to bottom. */
  readonly row: Segment;
  /** Segment of the cell from left to right. */
  readonly column: Segment;
  /** Index of the first box that contains the cell; the number of boxes if none does. */
  readonly owner: number;
}

/**
 * The lowest float32 value of each level, ascending. PyTorch compares with mIoU's thresholds as
 * float32, so "greater than" means "at least the next float32".
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

/** Indices of mIoU's thresholds .1, .2, .3, .4, .5 in {@linkcode LEVELS}. */
const ABOVE_LEVELS = [1, 2, 4, 5, 7];

/** Indices of the ROC thresholds 0, .25, .5, .75, 1 in {@linkcode LEVELS}. */
const AT_LEAST_LEVELS = [0, 3, 6, 8, 9];

/**
 * Gathers the statistics behind the paper's scores (docs/method.md, section 3). One pass over the
 * heatmap is enough for any size of the image.
 *
 * @param heatmap Row-major square map of finite values.
 * @param mapSide Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param truth Boxes of whole pixels inside the image, in order; they may overlap. Or a region of
 * the image; if it is a rectangle, its statistics are the box's to the last bit.
 * @param margin Value of image pixels outside the heatmap: none (as in the released code) or 0 (as
 * in the paper's text).
 * @param coverage Part of the image that the heatmap covers.
 */
export function gridStatistics(
  heatmap: Float32Array,
  mapSide: number,
  image: Size,
  truth: Truth,
  margin: Margin = "excluded",
  coverage: Coverage = {},
): RegionCounts {
  const filled = isRegion(truth) ? filledBox(truth) : undefined;
  if (isRegion(truth) && !filled) {
    const [inside, outside] = [newSums(), newSums()];
    visitRegion(heatmap, mapSide, image, truth, margin, (value, pixels, isInside) => {
      addValue(isInside ? inside : outside, value, pixels);
    }, coverage);
    return {
      boxes: [regionStatistics(inside)],
      background: regionStatistics(outside),
      boxPixels: regionArea(truth),
    };
  }
  const boxes = filled ? [filled] : truth as readonly Box[];
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
 * Cuts an image into cells at the edges of its boxes and of the heatmap.
 *
 * @param mapSide Side of the heatmap in pixels.
 * @param image Size of the original image in pixels.
 * @param boxes Boxes of whole pixels inside the image, in order; they may overlap.
 * @param coverage Part of the image that the heatmap covers.
 */
export function cutImage(
  mapSide: number,
  image: Size,
  boxes: readonly Box[],
  coverage: Coverage = {},
): Cell[] {
  const [across, down] = axesOf(image, coverage);
  const columns = cutAxis(mapSide, across, boxes.flatMap(([x, , width]) => [x, x + width]));
  const rows = cutAxis(mapSide, down, boxes.flatMap(([, y, , height]) => [y, y + height]));
  const owners = cellOwners(columns, rows, boxes);
  return rows.segments.flatMap((row, rowIndex) =>
    columns.segments.map((column, columnIndex) => ({
      row,
      column,
      owner: owners[rowIndex * columns.segments.length + columnIndex]!,
    }))
  );
}

/** An axis of an image under a heatmap. */
interface CoveredAxis {
  /** Pixels of the axis. */
  readonly length: number;
  /** Pixels in the middle that the heatmap covers. */
  readonly cover: number;
  /** Pixels in the middle that count; at most `cover`. */
  readonly visible: number;
}

/** The axes of an image from left to right and from top to bottom. */
function axesOf(
  { width, height }: Size,
  { cover = Math.min(width, height), visible = Infinity }: Coverage,
): readonly [across: CoveredAxis, down: CoveredAxis] {
  const axis = (length: number) => {
    const covered = coveredLength(cover, length);
    // Pixels outside the covered part have no value, so the part that counts ends there.
    return { length, cover: covered, visible: Math.min(visible, covered) };
  };
  return [axis(width), axis(height)];
}

/**
 * Receives a value, the number of image pixels that show it, and whether they lie in the ground
 * truth. The last argument is the value's index in the heatmap, or -1 in the margin.
 */
export type PixelVisitor = (
  value: number,
  pixels: number,
  isInside: boolean,
  index: number,
) => void;

/**
 * Visits the values of the image's pixels cell by cell, in the order of {@linkcode cutImage}.
 * Within a cell, visits rows from top to bottom. With a region, visits each heatmap pixel at most
 * twice: first the side of its first image pixel, then the other side.
 *
 * @param truth Boxes of whole pixels inside the image, or a region of the image.
 * @param margin Whether image pixels outside the heatmap are skipped or have the value 0.
 * @param visit Receives the values.
 * @param coverage Part of the image that the heatmap covers.
 */
export function visitPixels(
  heatmap: Float32Array,
  mapSide: number,
  image: Size,
  truth: Truth,
  margin: Margin,
  visit: PixelVisitor,
  coverage: Coverage = {},
): void {
  if (isRegion(truth)) {
    return visitRegion(heatmap, mapSide, image, truth, margin, visit, coverage);
  }
  const boxes = truth;
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

/** Visits each heatmap pixel for its image pixels inside the region and outside. */
function visitRegion(
  heatmap: Float32Array,
  mapSide: number,
  image: Size,
  region: Region,
  margin: Margin,
  visit: PixelVisitor,
  coverage: Coverage,
): void {
  const [across, down] = axesOf(image, coverage);
  const columns = showAxis(mapSide, across);
  const rows = showAxis(mapSide, down);
  const { inside, isFirst } = countInside(mapSide, region, columns, rows);
  let seen = 0;
  for (let row = 0, at = 0; row < mapSide; row++) {
    const height = rows.ends[row]! - rows.starts[row]!;
    for (let column = 0; column < mapSide; column++, at++) {
      const value = heatmap[at]!;
      const within = inside[at]!;
      const without = height * (columns.ends[column]! - columns.starts[column]!) - within;
      seen += within;
      if (isFirst[at]) visit(value, within, true, at);
      if (without > 0) visit(value, without, false, at);
      if (within > 0 && !isFirst[at]) visit(value, within, true, at);
    }
  }
  if (margin === "excluded") return;
  const hidden = regionArea(region) - seen;
  const other = image.width * image.height - across.visible * down.visible - hidden;
  if (hidden > 0) visit(0, hidden, true, -1);
  if (other > 0) visit(0, other, false, -1);
}

/** For each heatmap pixel of an axis, the image pixels that show it; none if both are equal. */
interface ShownAxis {
  /** First image pixel, `[mapSide]`. */
  readonly starts: Int32Array;
  /** Image pixel after the last, `[mapSide]`. */
  readonly ends: Int32Array;
  /** First image pixel of the part that counts. */
  readonly from: number;
  /** Heatmap pixel of each image pixel from `from` on. */
  readonly sources: Int32Array;
}

/** Lays one axis of the heatmap over the part of the image's axis that counts. */
function showAxis(mapSide: number, { length, cover, visible }: CoveredAxis): ShownAxis {
  const start = Math.floor((length - cover) / 2);
  const from = Math.floor((length - visible) / 2);
  const source = nearestPixel(mapSide, cover);
  const sources = Int32Array.from({ length: visible }, (_, i) => source(from + i - start));
  const [starts, ends] = [new Int32Array(mapSide), new Int32Array(mapSide)];
  for (let i = visible - 1; i >= 0; i--) starts[sources[i]!] = from + i;
  sources.forEach((pixel, i) => ends[pixel] = from + i + 1);
  return { starts, ends, from, sources };
}

/**
 * Counts each heatmap pixel's image pixels in a region.
 *
 * @returns `inside`, the counts `[mapSide, mapSide]`; `isFirst`, 1 where the first image pixel in
 * reading order is in the region.
 */
function countInside(
  mapSide: number,
  region: Region,
  { starts, ends, from, sources }: ShownAxis,
  rows: ShownAxis,
): { readonly inside: Uint32Array; readonly isFirst: Uint8Array } {
  const inside = new Uint32Array(mapSide * mapSide);
  const isFirst = new Uint8Array(mapSide * mapSide);
  const end = from + sources.length;
  rows.sources.forEach((row, i) => {
    const y = rows.from + i;
    const isTop = y === rows.starts[row];
    for (let run = region.rows[y]!; run < region.rows[y + 1]!; run++) {
      const last = Math.min(region.runs[2 * run + 1]!, end);
      for (let x = Math.max(region.runs[2 * run]!, from); x < last;) {
        const column = sources[x - from]!;
        const next = Math.min(ends[column]!, last);
        const at = row * mapSide + column;
        inside[at]! += next - x;
        if (isTop && x === starts[column]) isFirst[at] = 1;
        x = next;
      }
    }
  });
  return { inside, isFirst };
}

/** Joins the statistics of an image's regions; the background is the last region. */
export function toStatistics(
  regions: readonly RegionStatistics[],
  cells: readonly Cell[],
): RegionCounts {
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
 * Returns the nearest-neighbour mapping along one axis. The mapping converts the index of a pixel
 * in the covered part to the heatmap pixel that it shows.
 *
 * @param mapSide Side of the heatmap in pixels.
 * @param cover Length of the covered part, in image pixels.
 */
export function nearestPixel(mapSide: number, cover: number): (index: number) => number {
  // PyTorch's nearest neighbour multiplies by a float32 scale. For some sizes the result differs
  // from floor(index * mapSide / cover) in exact arithmetic.
  const scale = Math.fround(mapSide / cover);
  return (index) => Math.min(Math.floor(Math.fround(index * scale)), mapSide - 1);
}

/** Cuts one image axis at the given edges and at the edges of the part that counts. */
function cutAxis(
  mapSide: number,
  { length, cover, visible }: CoveredAxis,
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
 * For each cell, the index of the first box that contains it; the number of boxes if none does.
 * Row-major [row segments, column segments].
 */
function cellOwners(
  columns: Axis,
  rows: Axis,
  boxes: readonly Box[],
): Int32Array {
  const stride = columns.segments.length;
  const owners = new Int32Array(stride * rows.segments.length)
    .fill(boxes.length);
  // Paint the boxes from the last to the first, so that the first stays on top.
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
  const columnCounts = column.counts;
  const width = columnCounts.length;
  let total = 0;
  let squares = 0;
  let alike = 0;
  for (let y = 0; y < row.counts.length; y++) {
    const start = origin + y * mapSide;
    const rowCount = row.counts[y]!;
    let same = 0;
    for (let x = 0; x < width; x++) {
      const value = heatmap[start + x]!;
      // Most values of a heatmap beyond its threshold are the first, and add nothing to the sums.
      if (value === shift) {
        same += columnCounts[x]!;
        continue;
      }
      const count = rowCount * columnCounts[x]!;
      const difference = value - shift;
      total += count * difference;
      squares += count * difference * difference;
      levels[levelOf(value)]! += count;
    }
    alike += rowCount * same;
  }
  levels[levelOf(shift)]! += alike;
  sums.pixels += row.length * column.length;
  sums.total += total;
  sums.squares += squares;
}

/** Adds one value for a number of image pixels. */
export function addValue(sums: RegionSums, value: number, pixels: number): void {
  if (sums.pixels === 0) sums.shift = value;
  const difference = value - sums.shift;
  sums.pixels += pixels;
  sums.total += pixels * difference;
  sums.squares += pixels * difference * difference;
  sums.levels[levelOf(value)]! += pixels;
}

/** Steps from 0 to 1. In each step, at most one of {@linkcode LEVELS} is above the step's start. */
const STEPS = 20;

/** Number of {@linkcode LEVELS} that the start of each step reaches. */
const AT_STEP = Uint8Array.from(
  { length: STEPS + 1 },
  (_, step) => LEVELS.filter((level) => level <= step / STEPS).length,
);

/** The level after each number of levels; no value reaches the last. */
const NEXT_LEVEL = Float32Array.of(...LEVELS, Infinity);

/** Number of {@linkcode LEVELS} that a value reaches. */
function levelOf(value: number): number {
  if (!(value >= 0)) return 0;
  if (value >= 1) return LEVELS.length;
  const level = AT_STEP[value * STEPS | 0]!;
  return value >= NEXT_LEVEL[level]! ? level + 1 : level;
}

/** Creates sums over no pixels. */
export function newSums(): RegionSums {
  return {
    pixels: 0,
    shift: 0,
    total: 0,
    squares: 0,
    levels: new Float64Array(LEVELS.length + 1),
  };
}

/** Computes a region's statistics from its sums. */
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

/** The next float32 above a positive number that is rounded to float32. */
function nextFloat32(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]!++;
  return new Float32Array(bits.buffer)[0]!;
}
