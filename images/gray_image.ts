import { Image } from "imagescript";
import type { GrayImage } from "../base/geometry.ts";

/** Converts grey pixels to an image that can be encoded. */
export function grayImage({ data, width, height }: GrayImage): Image {
  const image = new Image(width, height);
  data.forEach((value, i) => image.bitmap.set([value, value, value, 255], 4 * i));
  return image;
}
