import { InputRangeError } from "../../base/errors.ts";
import type { Box, GrayImage, Size } from "../../base/geometry.ts";
import { halfToEven } from "../../base/half_to_even.ts";
import { pilResize } from "../../images/pil_resize.ts";
import { CELL } from "../onnx/resnet.ts";

/** Place of an image in the padded square. */
export interface Placement extends Size {
  /** Pixels of the square per pixel of the image, before sides are rounded. */
  readonly ratio: number;
  /** First column of the image in the square. */
  readonly left: number;
  /** First row. */
  readonly top: number;
}

/** Means and deviations of ImageNet's channels, as torchvision's models take them. */
const CHANNELS = [[0.485, 0.229], [0.456, 0.224], [0.406, 0.225]] as const;

/** Temperature of the sine positions (DETR). */
const TEMPERATURE = 10000;

/**
 * Places an image in a square, as `datasets/transforms.py` of the released code does: the longer
 * side fills the square, and an odd rest goes to the right or the bottom.
 *
 * @param image Size of the image in pixels.
 * @param side Side of the square in pixels.
 * @throws {RangeError} If the image is so thin that a side comes to no pixel.
 */
export function placeImage({ width, height }: Size, side: number): Placement {
  const ratio = side / Math.max(width, height);
  const placed = { width: halfToEven(width * ratio), height: halfToEven(height * ratio) };
  if (placed.width === 0 || placed.height === 0) {
    throw new InputRangeError(
      `Cannot fit an image of ${width}x${height} pixels into ${side}x${side}: it is too thin`,
    );
  }
  const edge = (length: number) => halfToEven((side - length) / 2 - 0.1);
  return { ...placed, ratio, left: edge(placed.width), top: edge(placed.height) };
}

/**
 * Resizes an image as Pillow 9.5 does, which the released code pins, and normalises its channels.
 *
 * @param side Side of the square in pixels.
 * @returns `[3, side, side]`; padding is 0.
 */
export function preprocess(image: GrayImage, side: number): Float32Array {
  const placement = placeImage(image, side);
  const { width, height } = placement;
  const pixels = pilResize(image, { width, height }, { order: "x-first" });
  return paint(Float32Array.from(pixels, (level) => level / 255), placement, side);
}

/**
 * Prepares an image with the three deviations of the paper's public loader (`data/utils.py` of
 * vios-s/ldm-phrase-grounding): rows and columns are swapped, grey levels stay 0..255, and the
 * resize does not smooth.
 *
 * @param side Side of the square in pixels.
 * @returns `[3, side, side]`; padding is 0.
 */
export function preprocessAsPaper(image: GrayImage, side: number): Float32Array {
  const { width: rows, height: columns } = image;
  const swapped = { width: columns, height: rows };
  const placement = placeImage(swapped, side);
  const { width, height } = placement;
  const [across, down] = [[columns, width], [rows, height]].map(([from, to]) =>
    Array.from({ length: to! }, (_, i) => {
      // Tensors resize by float32 positions (`upsample_bilinear2d` of PyTorch).
      const scale = Math.fround(from! / to!);
      const at = Math.max(Math.fround(scale * (i + 0.5)) - 0.5, 0);
      const low = Math.floor(at);
      return { low, high: Math.min(low + 1, from! - 1), share: at - low };
    })
  ) as [Tap[], Tap[]];
  // Pixel (row, column) of the swapped image is pixel (column, row) of the image.
  const level = (row: number, column: number) => image.data[column * image.width + row]!;
  const values = new Float32Array(width * height);
  for (const [y, row] of down.entries()) {
    for (const [x, column] of across.entries()) {
      const [upper, lower] = [row.low, row.high].map((at) =>
        level(at, column.low) * (1 - column.share) + level(at, column.high) * column.share
      );
      values[y * width + x] = upper! * (1 - row.share) + lower! * row.share;
    }
  }
  return paint(values, placement, side);
}

/** Two neighbours of a position, and the share of the second. */
interface Tap {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

/** Normalises values and puts them into a square of zeros, `[3, side, side]`. */
function paint(
  values: Float32Array,
  { width, height, left, top }: Placement,
  side: number,
): Float32Array {
  const result = new Float32Array(3 * side * side);
  for (const [channel, [mean, deviation]] of CHANNELS.entries()) {
    const [shift, divisor] = [Math.fround(mean), Math.fround(deviation)];
    for (let y = 0; y < height; y++) {
      const to = (channel * side + top + y) * side + left;
      for (let x = 0; x < width; x++) {
        result[to + x] = Math.fround(values[y * width + x]! - shift) / divisor;
      }
    }
  }
  return result;
}

/**
 * Says which cells of the square are padding: those whose first pixel is.
 *
 * @param side Side of the square in pixels, a multiple of 32.
 * @returns Row-major `[cells, cells]`.
 */
export function paddingCells(
  { width, height, left, top }: Placement,
  side: number,
): readonly boolean[] {
  const cells = side / CELL;
  const isOut = (at: number, start: number, length: number) => at < start || at >= start + length;
  return Array.from(
    { length: cells ** 2 },
    (_, i) =>
      isOut(i % cells * CELL, left, width) || isOut(Math.floor(i / cells) * CELL, top, height),
  );
}

/**
 * DETR's sine positions, which count the cells of the image and pass over padding.
 *
 * @param padding Row-major `[cells, cells]`.
 * @param width Number of channels: the first half is for rows, the second for columns.
 * @returns `[cells², width]`.
 */
export function sinePositions(padding: readonly boolean[], width: number): Float32Array {
  const cells = Math.sqrt(padding.length);
  const half = width / 2;
  const periods = Float32Array.from(
    { length: half },
    (_, k) => TEMPERATURE ** (2 * Math.floor(k / 2) / half),
  );
  const result = new Float32Array(padding.length * width);
  // A line is a column for the first half of the channels, and a row for the second half.
  for (const [axis, step, line] of [[0, cells, 1], [1, 1, cells]] as const) {
    for (let i = 0; i < cells; i++) {
      const line0 = i * line;
      let count = 0;
      const counts = Array.from({ length: cells }, (_, j) => {
        if (!padding[line0 + j * step]) count++;
        return count;
      });
      for (const [j, seen] of counts.entries()) {
        const place = Math.fround(
          Math.fround(seen / Math.fround(count + 1e-6)) * Math.fround(2 * Math.PI),
        );
        const at = (line0 + j * step) * width + axis * half;
        for (let k = 0; k < half; k++) {
          const angle = Math.fround(place / periods[k]!);
          result[at + k] = k % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
        }
      }
    }
  }
  return result;
}

/**
 * Brings a box from the square to pixels of the image, cut at the edges of square and image.
 *
 * @param box Centre, width and height as shares of the square.
 */
export function toImageBox(
  [centerX, centerY, width, height]: readonly [number, number, number, number],
  { ratio, left, top }: Placement,
  side: number,
  image: Size,
): Box {
  const edge = (share: number, start: number, length: number) =>
    clamp((clamp(share, 1) * side - start) / ratio, length);
  const [x0, x1] = [-0.5, 0.5].map((half) => edge(centerX + half * width, left, image.width));
  const [y0, y1] = [-0.5, 0.5].map((half) => edge(centerY + half * height, top, image.height));
  return [x0!, y0!, x1! - x0!, y1! - y0!];
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}
