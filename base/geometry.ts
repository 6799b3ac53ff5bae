/**
 * Boxes, sizes, grey images and the squares of them that models see.
 *
 * @module
 */

/** A box in pixels of the original image, left edge, top edge, width, height. */
export type Box = readonly [x: number, y: number, width: number, height: number];

/** Width and height of a map or image, in pixels. */
export interface Size {
  /** Pixels from left to right, at least 1. */
  readonly width: number;
  /** Pixels from top to bottom, at least 1. */
  readonly height: number;
}

/** One channel of an 8-bit image. */
export interface GrayImage extends Size {
  /** Row-major `[height, width]`, 0..255. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /**
   * How a DICOM header made grey of stored values, in words: the window or table that was used.
   *
   * @default {None, for images that hold grey}
   */
  readonly grayLevels?: string;
}

/** A square of an image, in whole pixels of the image. */
export interface CropRegion {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** Width and height. */
  readonly side: number;
}

/**
 * The square in the middle of an image that a method sees: of the shorter side `W`,
 * `floor(crop * W / resized)` pixels.
 */
export interface MethodCrop {
  /** Side of the square after resizing, in pixels. */
  readonly crop: number;
  /** What the shorter side is resized to, in pixels. */
  readonly resized: number;
}

/** A square in the middle of an image, nearer the left or top by half a pixel where the margin is odd. */
export function centreSquare({ width, height }: Size, side: number): CropRegion {
  return {
    x: Math.floor((width - side) / 2),
    y: Math.floor((height - side) / 2),
    side,
  };
}

/** A box of the heatmap, in pixels of the original image. */
export function toOriginal(
  [x, y, width, height]: Box,
  size: number,
  { x: left, y: top, side }: CropRegion,
): Box {
  // Pixel i of the crop shows heatmap pixel floor(i * size / side).
  const edge = (position: number) => Math.ceil(position * side / size);
  return [
    left + edge(x),
    top + edge(y),
    edge(x + width) - edge(x),
    edge(y + height) - edge(y),
  ];
}

/** Pixels of a box. */
export function area([, , width, height]: Box): number {
  return width * height;
}

/** What two boxes share; of no area where that is nothing. */
export function intersect(a: Box, b: Box): Box {
  const [x, y] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  const right = Math.min(a[0] + a[2], b[0] + b[2]);
  const bottom = Math.min(a[1] + a[3], b[1] + b[3]);
  return [x, y, Math.max(right - x, 0), Math.max(bottom - y, 0)];
}

/** Pixels in any of some boxes. */
export function coveredArea(boxes: readonly Box[]): number {
  const edges = [...new Set(boxes.flatMap(([x, , width]) => [x, x + width]))]
    .sort((a, b) => a - b);
  let covered = 0;
  for (const [i, left] of edges.slice(0, -1).entries()) {
    const spans = boxes.filter(([x, , width]) => x <= left && x + width > left)
      .map(([, y, , height]) => [y, y + height] as const)
      .sort(([a], [b]) => a - b);
    let [length, end] = [0, 0];
    for (const [top, bottom] of spans) {
      length += Math.max(bottom - Math.max(top, end), 0);
      end = Math.max(end, bottom);
    }
    covered += length * (edges[i + 1]! - left);
  }
  return covered;
}
