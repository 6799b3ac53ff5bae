import { decodeImage } from "../pipeline/decode.ts";
import type { GrayImage, Size } from "../base/geometry.ts";

/**
 * Reads the image that a result speaks of again.
 *
 * @param path Where the result says it is.
 * @param size What it had.
 * @throws {Error} If it is missing, no image, or another than was grounded.
 */
export async function originalImage(path: string | undefined, size?: Size): Promise<GrayImage> {
  if (!path) throw new RangeError("the results name no image");
  const gray = await decodeImage(path);
  if (!size || gray.width === size.width && gray.height === size.height) return gray;
  throw new RangeError(
    `"${path}" has ${gray.width}x${gray.height} pixels, and had ${size.width}x${size.height}`,
  );
}
