import { InputRangeError } from "../../base/errors.ts";
import type { CenterCrop, GrayImage } from "../../base/geometry.ts";
import { halfToEven } from "../../base/half_to_even.ts";
import { pilResize } from "../../images/pil_resize.ts";

/**
 * Spreads grey values to 0..255 in 8 bits, resizes the shorter side, and cuts out the square in the
 * middle. The result equals hi-ml-multimodal's (NumPy, Pillow and torchvision) to the last bit.
 *
 * @param image One channel, 0..255.
 * @param view Side of the square, and the shorter side after resizing, in pixels.
 * @returns `[crop, crop]`, 0..255.
 * @throws {RangeError} If the data does not have width times height values.
 */
export function preprocess(image: GrayImage, view: CenterCrop): Uint8Array<ArrayBuffer> {
  const { width, height } = image;
  if (!(width > 0 && height > 0) || image.data.length !== width * height) {
    throw new InputRangeError(
      `Cannot read an image: expected ${width} x ${height} pixels, got ${image.data.length}`,
    );
  }
  const { crop, resized } = view;
  const size = width <= height
    ? { width: resized, height: Math.floor(resized * height / width) }
    : { width: Math.floor(resized * width / height), height: resized };
  return pilResize({ width, height, data: spread(image.data) }, size, {
    window: {
      left: halfToEven((size.width - crop) / 2),
      top: halfToEven((size.height - crop) / 2),
      width: crop,
      height: crop,
    },
  });
}

/** Maps the lowest value to 0 and the highest to 255, truncated; a constant image becomes 0. */
function spread(data: GrayImage["data"]): Uint8Array {
  let low = 255;
  let high = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  // NumPy divides before it multiplies, in float64; the order matters because of the truncation.
  const table = Uint8Array.from(
    { length: 256 },
    (_, value) => high > low ? Math.trunc((value - low) / (high - low) * 255) : 0,
  );
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) result[i] = table[data[i]!]!;
  return result;
}
