import { grayImage } from "../../images/gray_image.ts";
import type { GrayImage } from "../../base/geometry.ts";

/** Writes a grey image as a PNG file. */
export async function writeGray(path: string, gray: GrayImage): Promise<void> {
  await Deno.writeFile(path, await grayImage(gray).encode());
}
