/**
 * An X-ray as BioViL and BioViL-T see it.
 *
 * @module
 */

import type { GrayImage, MethodCrop } from "../../base/geometry.ts";
import { pilResize } from "./pil_resize.ts";

/**
 * Spreads grey to 0..255 in 8 bits, resizes the shorter side, and cuts the square
 * in the middle out, as hi-ml-multimodal does with NumPy, Pillow and torchvision.
 *
 * @param image One channel, 0..255.
 * @param view Side of the square, and what the shorter side is resized to.
 * @returns `[crop, crop]`, 0..255, to the last bit.
 * @throws {RangeError} If the size does not fit the data.
 */
export function preprocess(image: GrayImage, view: MethodCrop): Uint8Array<ArrayBuffer> {
  const { width, height } = image;
  if (!(width > 0 && height > 0) || image.data.length !== width * height) {
    throw new RangeError(
      `Cannot read an image: expected ${width} x ${height} pixels, got ${image.data.length}`,
    );
  }
  const { crop, resized } = view;
  const size = width <= height
    ? { width: resized, height: Math.floor(resized * height / width) }
    : { width: Math.floor(resized * width / height), height: resized };
  return pilResize({ width, height, data: spread(image.data) }, size, {
    left: halfToEven((size.width - crop) / 2),
    top: halfToEven((size.height - crop) / 2),
    width: crop,
    height: crop,
  });
}

/** From the lowest value to the highest to 0..255, truncated; of one value alone 0. */
function spread(data: GrayImage["data"]): Uint8Array {
  let low = 255;
  let high = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // NumPy divides before it multiplies, in float64; truncation shows the order.
  const table = Uint8Array.from(
    { length: 256 },
    (_, value) => high > low ? Math.trunc((value - low) / (high - low) * 255) : 0,
  );
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = table[data[i]!]!;
  return result;
}

/** Python's `round`. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + below % 2 : Math.round(value);
}
