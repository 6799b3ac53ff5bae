/**
 * From an image's pixels to the square input of the autoencoder.
 *
 * @module
 */

import {
  centreSquare,
  type CropRegion,
  type GrayImage,
  type MethodCrop,
} from "../base/geometry.ts";
import { type AxisTaps, bilinearTaps } from "../shaders/resize_cpu.ts";

/** Longest image side taken, in pixels: JPEG's own limit, and beyond any X-ray. */
const MAX_IMAGE_SIDE = 65535;

/** Longest model input taken, in pixels. */
const MAX_INPUT_SIDE = 8192;

/**
 * The square in the middle of the image that a model sees: as wide as the shorter
 * side, which {@linkcode preprocess} keeps, or what a method's view says of it.
 *
 * @param view What a method sees, by the rule of `convert_similarity_to_image_size`
 * of microsoft/hi-ml.
 * @throws {RangeError} If width or height is not a positive integer, or so small
 * that the method sees nothing of it.
 */
export function cropRegion(width: number, height: number, view?: MethodCrop): CropRegion {
  requireSide(width, MAX_IMAGE_SIDE, "image width");
  requireSide(height, MAX_IMAGE_SIDE, "image height");
  const shorter = Math.min(width, height);
  const side = view ? Math.floor(view.crop * shorter / view.resized) : shorter;
  if (side >= 1) return centreSquare({ width, height }, side);
  throw new RangeError(
    `Cannot crop an image of ${width}x${height} pixels: nothing of it is seen`,
  );
}

/**
 * Maps 0..255 to 0..1, resizes the shorter side to `size` (bilinear, half-pixel
 * centres, no antialiasing) and crops the centre, as docs/method.md, steps 1 and 2.
 * Only the pixels inside the crop are computed.
 *
 * @param gray The image's first channel.
 * @param size Side of the result in pixels, 1..8192.
 * @returns Row-major `[size, size]`, values 0..1.
 * @throws {RangeError} If a size is not a positive integer within the limits, or
 * the data does not fit the image's size.
 */
export function preprocess(gray: GrayImage, size: number): Float32Array {
  const { columns, rows } = cropTaps(gray, size);
  const { data, width } = gray;
  const result = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    const above = rows.lower[y]! * width;
    const below = rows.upper[y]! * width;
    const down = rows.weight[y]!;
    const up = 1 - down;
    for (let x = 0; x < size; x++) {
      const left = columns.lower[x]!;
      const right = columns.upper[x]!;
      const share = columns.weight[x]!;
      const rest = 1 - share;
      const upper = rest * UNIT[data[above + left]!]! +
        share * UNIT[data[above + right]!]!;
      const lower = rest * UNIT[data[below + left]!]! +
        share * UNIT[data[below + right]!]!;
      result[y * size + x] = up * upper + down * lower;
    }
  }
  return result;
}

/** 0..255 as float32 shares of 255. */
const UNIT = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/**
 * The source pixels and weights of the resize, for the part that the centre
 * crop keeps.
 *
 * @param gray The image, whose data must fit its size.
 * @param size Side of the result in pixels, 1..8192.
 * @throws {RangeError} As {@linkcode preprocess}.
 */
export function cropTaps(
  gray: GrayImage,
  size: number,
): { readonly columns: AxisTaps; readonly rows: AxisTaps } {
  const { data, width, height } = gray;
  requireSide(width, MAX_IMAGE_SIDE, "image width");
  requireSide(height, MAX_IMAGE_SIDE, "image height");
  requireSide(size, MAX_INPUT_SIDE, "input size");
  if (data.length !== width * height) {
    throw new RangeError(
      `Cannot preprocess an image: expected ${width} x ${height} = ${
        width * height
      } values, got ${data.length}`,
    );
  }
  const shorter = Math.min(width, height);
  const axis = (length: number) => {
    // torchvision truncates the longer side; MONAI's crop starts at centre - size / 2.
    const resized = length === shorter ? size : Math.floor((size * length) / shorter);
    const start = Math.max(Math.floor(resized / 2) - Math.floor(size / 2), 0);
    return bilinearTaps(length, resized, { start, count: size });
  };
  return { columns: axis(width), rows: axis(height) };
}

function requireSide(value: number, limit: number, what: string): void {
  if (!Number.isInteger(value) || value < 1 || value > limit) {
    throw new RangeError(
      `Cannot preprocess an image: expected an ${what} of 1..${limit} pixels, got ${value}`,
    );
  }
}
