import { InputRangeError } from "../base/errors.ts";
import { coveredRegion, type CropRegion, type GrayImage, type View } from "../base/geometry.ts";
import { type AxisTaps, bilinearTaps } from "../shaders/resize_cpu.ts";

/** Longest accepted image side in pixels: the limit of JPEG, and beyond any X-ray. */
const MAX_IMAGE_SIDE = 65535;

/** Longest accepted side of a model input, in pixels. */
const MAX_INPUT_SIDE = 8192;

/**
 * Finds the crop: the centred square that a model sees. The side is the shorter
 * side of the image, as in {@linkcode preprocess}, or follows from a method's view.
 *
 * @param view View of a method, by the rule of `convert_similarity_to_image_size`
 * of microsoft/hi-ml; or `"whole"` for the whole image.
 * @throws {RangeError} If width or height is not a whole number of 1..65535, or so
 * small that the crop is empty.
 */
export function cropRegion(width: number, height: number, view?: View): CropRegion {
  requireSide(width, MAX_IMAGE_SIDE, "image width");
  requireSide(height, MAX_IMAGE_SIDE, "image height");
  const shorter = Math.min(width, height);
  if (view === "whole") return coveredRegion({ width, height }, view);
  const side = view ? Math.floor(view.crop * shorter / view.resized) : shorter;
  if (side >= 1) return coveredRegion({ width, height }, side);
  throw new InputRangeError(
    `Cannot crop an image of ${width}x${height} pixels: nothing of it is seen`,
  );
}

/**
 * Maps 0..255 to 0..1, resizes the shorter side to `size` and crops the centre
 * (docs/method.md, steps 1 and 2). The resize is bilinear with half-pixel centres and
 * no antialiasing. Only the pixels inside the crop are computed.
 *
 * @param gray The image's first channel.
 * @param size Side of the result in pixels, 1..8192.
 * @returns Row-major `[size, size]`, values 0..1.
 * @throws {RangeError} If a side is not a positive integer within its limit, or the
 * data do not match the image size.
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

/** The levels 0..255 divided by 255, in float32. */
const UNIT = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/**
 * Finds the source pixels and weights of the resize for the part inside the crop.
 *
 * @param gray The image; the length of its data must match its size.
 * @param size Side of the result in pixels, 1..8192.
 * @throws {RangeError} For the same reasons as {@linkcode preprocess}.
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
    throw new InputRangeError(
      `Cannot preprocess an image: expected ${width} x ${height} = ${width * height} values, got ` +
        data.length,
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
    throw new InputRangeError(
      `Cannot preprocess an image: expected an ${what} of 1..${limit} pixels, got ${value}`,
    );
  }
}
