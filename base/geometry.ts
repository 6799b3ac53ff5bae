/** A box in pixels of the original image: left edge, top edge, width, height. */
export type Box = readonly [x: number, y: number, width: number, height: number];

/** Width and height of a map or image, in pixels. */
export interface Size {
  /** Pixels from left to right, at least 1. */
  readonly width: number;
  /** Pixels from top to bottom, at least 1. */
  readonly height: number;
}

/** A grey image holds the first channel of a picture, with 8 bits a pixel. */
export interface GrayImage extends Size {
  /** Row-major `[height, width]`, 0..255. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /**
   * Window or table of a DICOM header that turned stored values into grey, in words.
   *
   * @default {None, for images that store grey values}
   */
  readonly grayLevels?: string;
  /**
   * Distance between the rows of a DICOM file, then between its columns, in mm.
   *
   * @default {None, for files that state no size of their pixels}
   */
  readonly spacing?: readonly [row: number, column: number];
}

/** A part of an image, in whole pixels of the image: a square, or the whole image. */
export interface CropRegion {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** Width. */
  readonly side: number;
  /**
   * Height.
   *
   * @default {`side`: the part is a square}
   */
  readonly height?: number;
}

/**
 * Central square of an image that a method sees. Its side is `floor(crop * W / resized)` pixels,
 * where `W` is the image's shorter side.
 */
export interface CenterCrop {
  /** Side of the square after resizing, in pixels. */
  readonly crop: number;
  /** Length of the image's shorter side after resizing, in pixels. */
  readonly resized: number;
}

/** Part of an image that a method sees; `"whole"` is the whole image, stretched to a square. */
export type View = CenterCrop | "whole";

/**
 * Part of an image that a heatmap covers: a central square of this side in pixels, or the whole
 * image.
 */
export type Cover = number | "whole";

/** Pixels of an image's axis that a heatmap covers. */
export function coveredLength(cover: Cover, length: number): number {
  return cover === "whole" ? length : cover;
}

/** The cover of a region from {@linkcode coveredRegion}. */
export function coverOf({ side, height }: CropRegion): Cover {
  return height === undefined ? side : "whole";
}

/** The part of an image that a heatmap covers. */
export function coveredRegion(image: Size, cover: Cover): CropRegion {
  if (cover !== "whole") return centerSquare(image, cover);
  const { width, height } = image;
  return { x: 0, y: 0, side: width, ...(height !== width && { height }) };
}

/** Central square of an image; an odd margin puts it half a pixel nearer the left or top. */
export function centerSquare({ width, height }: Size, side: number): CropRegion {
  return {
    x: Math.floor((width - side) / 2),
    y: Math.floor((height - side) / 2),
    side,
  };
}

/** Converts a box from heatmap pixels to pixels of the original image. */
export function toOriginal(
  [x, y, width, height]: Box,
  size: number,
  { x: left, y: top, side, height: down = side }: CropRegion,
): Box {
  // Pixel i of the crop shows heatmap pixel floor(i * size / side).
  const edge = (position: number, length: number) => Math.ceil(position * length / size);
  return [
    left + edge(x, side),
    top + edge(y, down),
    edge(x + width, side) - edge(x, side),
    edge(y + height, down) - edge(y, down),
  ];
}

/** Returns `true` if a part of an image is the whole image. */
export function isWhole({ x, y, side, height = side }: CropRegion, image: Size): boolean {
  return x <= 0 && y <= 0 && x + side >= image.width && y + height >= image.height;
}

/** Area of a box in pixels. */
export function area([, , width, height]: Box): number {
  return width * height;
}

/** Intersection of two boxes; its area is 0 if they share no pixel. */
export function intersect(a: Box, b: Box): Box {
  const [x, y] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  const right = Math.min(a[0] + a[2], b[0] + b[2]);
  const bottom = Math.min(a[1] + a[3], b[1] + b[3]);
  return [x, y, Math.max(right - x, 0), Math.max(bottom - y, 0)];
}

/** Area of the union of boxes in pixels. */
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
