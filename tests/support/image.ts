import { Image } from "imagescript";
import type { GrayImage } from "../../mod.ts";

/** Writes a grey image as a PNG file. */
export async function writeGray(path: string, { data, width, height }: GrayImage): Promise<void> {
  const image = new Image(width, height);
  data.forEach((value, i) => image.bitmap.set([value, value, value, 255], 4 * i));
  await Deno.writeFile(path, await image.encode());
}
