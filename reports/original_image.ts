import { decodeImage } from "../pipeline/decode.ts";
import type { GrayImage, Size } from "../base/geometry.ts";
import { locateImage } from "../runs/locate_image.ts";

/**
 * Reads the original image of a result again.
 *
 * @param folder The run's folder.
 * @param path Path of the image in the result.
 * @param size Size of the grounded image in pixels; left out if unknown.
 * @throws {RangeError} If the result has no path, or the image has another size.
 * @throws {Error} If the file is missing or no image.
 */
export async function originalImage(
  folder: string,
  path: string | undefined,
  size?: Size,
): Promise<GrayImage> {
  if (!path) throw new RangeError("the results name no image");
  const gray = await decodeImage(await locateImage(folder, path));
  if (size) requireSize(path, gray, size);
  return gray;
}

/**
 * Requires the size of the grounded image, since another image may be under its path now.
 *
 * @throws {RangeError} If the image has another size.
 */
export function requireSize(path: string, { width, height }: Size, grounded: Size): void {
  if (width === grounded.width && height === grounded.height) return;
  throw new RangeError(
    `"${path}" has ${width}x${height} pixels, and had ${grounded.width}x${grounded.height}`,
  );
}
