/**
 * Stage 1: image files to pixels.
 *
 * @module
 */

import { Image } from "imagescript";
import type { Box, Sample } from "../datasets/sample.ts";
import { printable, quote } from "../models/checkpoint/quote.ts";
import { type Dropped, failed, type Flow, item, type StageOptions } from "./flow.ts";
import { imageHeader } from "./image_header.ts";
import { type CropRegion, cropRegion, type GrayImage } from "./preprocess.ts";
import { mapStream } from "./stream.ts";

/** An image: a path, the bytes of a PNG or JPEG file, or pixels. */
export type ImageSource = string | Uint8Array | GrayImage;

/** One image and the phrases asked of it. */
export interface ImageRequest {
  /** The image. */
  readonly image: ImageSource;
  /** The phrases, with what else is known of each. */
  readonly samples: readonly Sample[];
}

/** An image with the phrases that the model can be asked. */
export interface DecodedImage {
  /** The phrases that go on, their boxes cut down to those that the model can see. */
  readonly samples: readonly Sample[];
  /** The original image. */
  readonly gray: GrayImage;
  /** The part of it that the model sees. */
  readonly crop: CropRegion;
}

/** Options of {@linkcode decode}. */
export interface DecodeOptions extends StageOptions {
  /**
   * How many images may be decoded before they are asked for.
   *
   * @default {1}
   */
  concurrency?: number;
}

/**
 * Most pixels that are decoded. The decoder takes 13 bytes a pixel, so this is 0.45 GB, and up to
 * twice that for a progressive JPEG. A chest X-ray has 10 million, of the largest detectors 20.
 */
export const MAX_PIXELS = 2 ** 25;

/** Most bytes of a file: more than that many pixels take uncompressed. */
const MAX_FILE_BYTES = 2 ** 28;

/** Most characters of a path in a message. */
const MAX_SHOWN_PATH = 500;

/** Most scans of a JPEG, each of which goes over all pixels; encoders make 10. */
const MAX_SCANS = 100;

/**
 * Reads an image file and keeps its first channel, as the released code does.
 *
 * @param source Path or bytes of an 8-bit PNG or JPEG (grey, RGB, RGBA, palette), or pixels.
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If it is not a whole PNG or JPEG, or is an animation.
 * @throws {RangeError} If it has more than {@linkcode MAX_PIXELS} pixels, or is too large a file.
 * @throws {TypeError} If the path is not that of a regular file.
 */
export async function decodeImage(source: ImageSource): Promise<GrayImage> {
  if (typeof source !== "string" && !(source instanceof Uint8Array)) return source;
  const name = typeof source === "string" ? `image ${quote(source, MAX_SHOWN_PATH)}` : "the image";
  const bytes = typeof source === "string" ? await readImage(source) : source;
  const header = imageHeader(bytes);
  if (!header) {
    throw new SyntaxError(`Cannot read ${name}: it is not a PNG or JPEG file`);
  }
  const { format, size, isWhole, isAnimation = false, scans = 1 } = header;
  if (size && size.width * size.height > MAX_PIXELS) {
    throw new RangeError(
      `Cannot read ${name}: ${size.width}x${size.height} pixels are more than ${MAX_PIXELS}`,
    );
  }
  if (scans > MAX_SCANS) {
    throw new RangeError(`Cannot read ${name}: its ${scans} scans are more than ${MAX_SCANS}`);
  }
  if (isAnimation) throw new SyntaxError(`Cannot read ${name}: it is an animation`);
  const image = isWhole && await Image.decode(bytes).catch(() => undefined);
  if (!image) {
    throw new SyntaxError(`Cannot read ${name}: the ${format} file is truncated or corrupt`);
  }
  const rgba = image.bitmap;
  const data = new Uint8Array(image.width * image.height);
  for (let i = 0; i < data.length; i++) data[i] = rgba[4 * i]!;
  return { data, width: image.width, height: image.height };
}

async function readImage(path: string): Promise<Uint8Array> {
  const fail = `Cannot read image ${quote(path, MAX_SHOWN_PATH)}`;
  const rethrow = (error: Error): never => {
    if (error instanceof Deno.errors.NotFound) {
      throw new Deno.errors.NotFound(`${fail}: there is no such file`);
    }
    throw new Error(`${fail}: ${printable(error.message)}`, { cause: error });
  };
  // Before it is opened: opening a pipe would wait for its writer.
  const { isFile, isDirectory, size } = await Deno.stat(path).catch(rethrow);
  if (isDirectory) throw new TypeError(`${fail}: it is a folder`);
  if (!isFile) throw new TypeError(`${fail}: it is not a regular file`);
  if (size > MAX_FILE_BYTES) {
    throw new RangeError(`${fail}: its ${size} bytes are more than ${MAX_FILE_BYTES}`);
  }
  return await Deno.readFile(path).catch(rethrow);
}

/** The boxes of which at least a pixel lies in the crop, in their order. */
function visible(boxes: readonly Box[], crop: CropRegion): Box[] {
  return boxes.filter(([x, y, width, height]) =>
    x < crop.x + crop.side && x + width > crop.x && y < crop.y + crop.side && y + height > crop.y
  );
}

/** What becomes of one sample once its image is known. */
function admit(sample: Sample, gray: GrayImage, crop: CropRegion): Sample | Dropped {
  const fail = (reason: string): Dropped => ({
    status: "failed",
    stage: "decode",
    reason,
    error: "RangeError",
    sample,
  });
  const { imageSize, boxes } = sample;
  if (sample.phrase.trim() === "") return fail("the phrase is empty");
  if (imageSize && (imageSize.width !== gray.width || imageSize.height !== gray.height)) {
    return fail(
      `the image has ${gray.width}x${gray.height} pixels, but the dataset's boxes are for ` +
        `${imageSize.width}x${imageSize.height}`,
    );
  }
  for (const [index, box] of boxes.entries()) {
    const [x, y, width, height] = box;
    const isInside = box.every(Number.isFinite) && width > 0 && height > 0 && x >= 0 && y >= 0 &&
      x < gray.width && y < gray.height;
    if (!isInside) {
      return fail(
        `box ${index + 1} [${box}] is not inside the image of ${gray.width}x${gray.height} pixels`,
      );
    }
  }
  const seen = visible(boxes, crop);
  if (boxes.length > 0 && seen.length === 0) {
    const reason = "every box lies outside the centre square that the model sees";
    return { status: "skipped", stage: "decode", reason, sample };
  }
  if (seen.length === boxes.length) return sample;
  const dropped = boxes.length - seen.length;
  const note = `${dropped} of ${boxes.length} boxes lie outside the centre square and were dropped`;
  return { ...sample, boxes: seen, notes: [...sample.notes ?? [], note] };
}

/**
 * Decodes each image. An image that cannot be read drops
 * its samples as failed; a sample with boxes of which the model sees none is
 * skipped (METHOD section 3).
 *
 * @param source Images with their phrases.
 */
export async function* decode(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: DecodeOptions = {},
): AsyncIterableIterator<Flow<DecodedImage>> {
  const decoded = mapStream(source, async (flow): Promise<Flow<DecodedImage>[]> => {
    if (flow.kind === "dropped") return [flow];
    const { image, samples } = flow.item;
    try {
      const gray = await decodeImage(image);
      const crop = cropRegion(gray.width, gray.height);
      const admitted: Sample[] = [];
      const flows: Flow<DecodedImage>[] = [];
      for (const sample of samples) {
        const result = admit(sample, gray, crop);
        if ("status" in result) flows.push({ kind: "dropped", dropped: result });
        else admitted.push(result);
      }
      if (admitted.length > 0) {
        flows.push(item({ samples: admitted, gray, crop }));
      }
      return flows;
    } catch (error) {
      return samples.map((sample) => failed("decode", sample, error));
    }
  }, options);
  for await (const flows of decoded) yield* flows;
}
