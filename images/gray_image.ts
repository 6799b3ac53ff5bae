import type { Image } from "imagescript";
import type { GrayImage } from "../base/geometry.ts";

/** Quality of a JPEG from 1 to 100, as the library declares it. */
type JpegQuality = Parameters<Image["encodeJPEG"]>[0];

/** Grey pixels that can be encoded as a file. */
export interface EncodableImage {
  /** Encodes a PNG. */
  encode(): Promise<Uint8Array>;
  /** Encodes a JPEG. */
  encodeJPEG(quality: JpegQuality): Promise<Uint8Array>;
}

/** Converts grey pixels to an image that can be encoded. */
export function grayImage({ data, width, height }: GrayImage): EncodableImage {
  const make = async () => {
    // Most commands encode nothing, and the library takes a tenth of their start.
    const { Image } = await import("imagescript");
    const image = new Image(width, height);
    data.forEach((value, i) => image.bitmap.set([value, value, value, 255], 4 * i));
    return image;
  };
  return {
    encode: async () => await (await make()).encode(),
    encodeJPEG: async (quality) => await (await make()).encodeJPEG(quality),
  };
}
