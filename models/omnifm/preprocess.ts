import type { GrayImage } from "../../base/geometry.ts";
import { pilResize } from "../../images/pil_resize.ts";

/**
 * Stretches an image to a square and scales it to -1..1, as `patch_resize_transform` of the demo
 * does. The released code pins a version of Pillow that always resizes rows first.
 *
 * @param side Side of the square in pixels.
 * @returns Three equal channels, `[3, side, side]`.
 */
export function preprocess(image: GrayImage, side: number): Float32Array {
  const size = { width: side, height: side };
  const pixels = pilResize(image, size, { filter: "bicubic", order: "x-first" });
  const levels = Float32Array.from(
    { length: 256 },
    // torchvision rounds to float32 after the division, the difference and the quotient.
    (_, level) => Math.fround(Math.fround(level / 255) - 0.5) / 0.5,
  );
  const result = new Float32Array(3 * pixels.length);
  for (const [i, level] of pixels.entries()) result[i] = levels[level]!;
  result.copyWithin(pixels.length, 0, pixels.length);
  result.copyWithin(2 * pixels.length, 0, pixels.length);
  return result;
}
