import { decodeImage } from "../../pipeline/decode.ts";

/** Decodes an image file and returns the outcome as text: size and pixels, or the error. */
export async function outcome(file: Uint8Array): Promise<string> {
  try {
    const { data, width, height } = await decodeImage(file);
    return `${width}x${height}: ${data}`;
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
}
