/**
 * Stage 1: image files to pixels.
 *
 * @module
 */

import { InputRangeError, InputSyntaxError, InputTypeError } from "../base/errors.ts";
import type { Sample } from "../datasets/sample.ts";
import type { Box, CropRegion, GrayImage, View } from "../base/geometry.ts";
import { areaWithin, type Region, type Truth } from "../base/region.ts";
import { quote } from "../base/text.ts";
import { decodeDeepPng, isDeepPng } from "../images/decoders/deep_png.ts";
import { decodeJpeg, decodePng } from "../images/decoders/imagescript.ts";
import { decodeWhole, jpegStream, MAX_SCANS, unusualJpeg } from "../images/decoders/jpeg_stream.ts";
import { plainPng, pngPixels } from "../images/decoders/png_pixels.ts";
import { decodeDicom, isDicom } from "../images/dicom/dicom.ts";
import { type Dropped, failed, type Flow, item, type StageOptions, withNotes } from "./flow.ts";
import { imageHeader, imageStart } from "../images/image_header.ts";
import { cropRegion } from "../images/preprocess.ts";
import { MAX_PIXELS, MAX_SHOWN_PATH, readImage } from "../images/read_image.ts";
import { mapStream } from "../base/stream.ts";
import { readRegion } from "../scoring/truth/read_region.ts";

/** An image: a path, the bytes of a PNG, JPEG or DICOM file, or pixels. */
export type ImageSource = string | Uint8Array | GrayImage;

/** One image with its phrases. */
export interface ImageRequest {
  /** Path, bytes or pixels of the image. */
  readonly image: ImageSource;
  /** Samples of the image: its phrases with ids and boxes. */
  readonly samples: readonly Sample[];
  /**
   * The part of the image that the method sees for these samples.
   *
   * @default {The view in the stage's options}
   */
  readonly view?: View;
}

/** A decoded image with the samples that go on. */
export interface DecodedImage {
  /** Samples that go on, without the boxes that the model cannot see. */
  readonly samples: readonly Sample[];
  /** The original image. */
  readonly gray: GrayImage;
  /** The part of the image that the model sees. */
  readonly crop: CropRegion;
  /**
   * Regions of the samples with masks, by their ids.
   *
   * @default {None}
   */
  readonly regions?: ReadonlyMap<string, Region>;
}

/**
 * Ground truth of a sample, in pixels of its image.
 *
 * @returns `undefined` if the sample has none.
 */
export function truthOf(sample: Sample, { regions }: Pick<DecodedImage, "regions">):
  | Truth
  | undefined {
  return regions?.get(sample.id) ?? (sample.boxes.length > 0 ? sample.boxes : undefined);
}

/** Options of {@linkcode decode}. */
export interface DecodeOptions extends StageOptions {
  /**
   * Number of images that may be decoded ahead of the next stage.
   *
   * @default {1}
   */
  concurrency?: number;
  /**
   * Ends the stream after the current image, as if the source had no more images.
   *
   * @default {undefined}
   */
  ending?: AbortSignal;
  /**
   * The part of the image that the method sees. Boxes wholly outside this part are dropped.
   *
   * @default {The centre square, as wide as the shorter side}
   */
  view?: View;
}

/**
 * Reads an image file and keeps its first channel, as the released code does. `grayLevels` in
 * `gray_levels.ts` reduces more than 8 bits to grey levels.
 *
 * @param source Path or bytes of a PNG (grey, RGB, RGBA, palette), a JPEG or a DICOM radiograph, or
 * pixels.
 * @throws {NotFound} If the file does not exist.
 * @throws {SyntaxError} If the file is not a whole PNG, JPEG or DICOM file, or is an animation.
 * @throws {RangeError} If the image has more than {@linkcode MAX_PIXELS} pixels or too many scans,
 * or the file is too large.
 * @throws {TypeError} If the path does not name a regular file, or a JPEG is of a rare kind. Also
 * if the DICOM file is not a radiograph of one greyscale frame, or a 16-bit PNG is interlaced.
 */
export async function decodeImage(source: ImageSource): Promise<GrayImage> {
  if (typeof source !== "string" && !(source instanceof Uint8Array)) return source;
  const name = typeof source === "string" ? `image ${quote(source, MAX_SHOWN_PATH)}` : "the image";
  const bytes = typeof source === "string" ? await readImage(source) : source;
  const header = imageHeader(bytes);
  if (!header) {
    if (isDicom(bytes)) return await decodeDicom(bytes, name, MAX_PIXELS);
    const start = imageStart(bytes);
    throw new InputSyntaxError(
      `Cannot read ${name}: ` +
        (start
          ? `its ${start.format} begins after ${start.at} bytes of something else, expected none`
          : "it is not a PNG, JPEG or DICOM file"),
    );
  }
  const { format, size, isWhole, isAnimation = false, scans = 1 } = header;
  if (size && size.width * size.height > MAX_PIXELS) {
    throw new InputRangeError(
      `Cannot read ${name}: ${size.width}x${size.height} pixels are more than ${MAX_PIXELS}`,
    );
  }
  if (scans > MAX_SCANS) {
    throw new InputRangeError(`Cannot read ${name}: its ${scans} scans are more than ${MAX_SCANS}`);
  }
  if (isAnimation) throw new InputSyntaxError(`Cannot read ${name}: it is an animation`);
  const gray = format === "PNG"
    ? await readPng(bytes, name, isWhole)
    : isWhole && await readJpeg(bytes, name);
  if (!gray) {
    throw new InputSyntaxError(`Cannot read ${name}: the ${format} file is truncated or corrupt`);
  }
  return gray;
}

/** Reads a PNG. With stray bytes, or without an end, only the PNG's pixel data is read. */
async function readPng(
  png: Uint8Array,
  name: string,
  hasEnd: boolean,
): Promise<GrayImage | undefined> {
  if (isDeepPng(png)) return decodeDeepPng(png, name);
  const gray = hasEnd ? await decodePng(png) : undefined;
  if (gray) return gray;
  const pixels = pngPixels(png);
  return pixels && await decodePng(plainPng(pixels));
}

/**
 * Reads a JPEG.
 *
 * @throws {TypeError} If the decoder does not support this kind of JPEG.
 */
async function readJpeg(jpeg: Uint8Array, name: string): Promise<GrayImage | undefined> {
  const stream = jpegStream(jpeg);
  const gray = stream && await decodeWhole(stream, decodeJpeg);
  const unusual = stream && !gray && unusualJpeg(stream);
  if (unusual) throw new InputTypeError(`Cannot read ${name}: ${unusual} is not supported`);
  return gray;
}

/** Boxes that overlap the crop, in the given order. */
function visible(boxes: readonly Box[], { x, y, side, height = side }: CropRegion): Box[] {
  return boxes.filter(([left, top, across, down]) =>
    left < x + side && left + across > x && top < y + height && top + down > y
  );
}

/** The sample with its boxes in pixels. Edges are rounded; each side keeps at least one pixel. */
export function inPixels(sample: Sample, { width, height }: GrayImage): Sample {
  const { boxUnit, ...rest } = sample;
  if (boxUnit !== "image") return sample;
  const edges = (start: number, length: number, side: number) => {
    const first = Math.min(Math.round(start * side), side - 1);
    return [first, Math.max(Math.round((start + length) * side) - first, 1)] as const;
  };
  const place = (box: Box): Box => {
    const [x, columns] = edges(box[0], box[2], width);
    const [y, rows] = edges(box[1], box[3], height);
    return [x, y, columns, rows];
  };
  const { boxes, otherBoxes } = sample;
  return {
    ...rest,
    boxes: boxes.map(place),
    ...(otherBoxes && { otherBoxes: otherBoxes.map(place) }),
  };
}

/** Checks a sample against its image. Returns the sample, or the reason why it drops out. */
function admit(asked: Sample, gray: GrayImage, crop: CropRegion): Sample | Dropped {
  const { otherBoxes, ...placed } = inPixels(asked, gray);
  const others = visible(otherBoxes ?? [], crop);
  const sample = { ...placed, ...(others.length > 0 && { otherBoxes: others }) };
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
      `the image has ${gray.width}x${gray.height} pixels, but the dataset's ` +
        `${sample.masks ? "masks" : "boxes"} are for ${imageSize.width}x${imageSize.height}`,
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
    if (sample.isPresent) return withNotes({ ...sample, boxes: [] }, [reason]);
    return { status: "skipped", stage: "decode", reason, sample };
  }
  if (seen.length === boxes.length) return sample;
  const dropped = boxes.length - seen.length;
  const note = `${dropped} of ${boxes.length} boxes lie outside the centre square and were dropped`;
  return { ...sample, boxes: seen, notes: [...sample.notes ?? [], note] };
}

/** A sample that goes on, with the region of its masks if it has masks. */
type Admitted = Flow<{ readonly sample: Sample; readonly region?: Region }>;

/**
 * Reads the masks of a sample before its model runs: a fault of a mask then costs no time. A region
 * is one thing, so that no part of it is dropped if the model sees another part.
 */
async function readMasks(sample: Sample, gray: GrayImage, crop: CropRegion): Promise<Admitted> {
  if (!sample.masks || sample.masks.length === 0) return item({ sample });
  try {
    const { region, notes } = await readRegion(sample.masks, gray);
    const { x, y, side, height = side } = crop;
    if (areaWithin(region, [x, y, side, height]) === 0) {
      const reason = "its whole mask lies outside the centre square that the model sees";
      if (sample.isPresent) {
        const { masks: _, ...unplaced } = sample;
        return item({ sample: withNotes(unplaced, [reason]) });
      }
      return { kind: "dropped", dropped: { status: "skipped", stage: "decode", reason, sample } };
    }
    return item({ sample: withNotes(sample, notes), region });
  } catch (error) {
    return failed("decode", sample, error);
  }
}

/**
 * Decodes each image. If an image cannot be read, all its samples fail. If the model sees none of a
 * sample's boxes and no pixel of its masks, the sample is skipped (docs/method.md, section 3). A
 * sample that the dataset calls present stays, without a place.
 *
 * @param source Images with their phrases.
 */
export async function* decode(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: DecodeOptions = {},
): AsyncIterableIterator<Flow<DecodedImage>> {
  const { ending } = options;
  const decoded = mapStream(source, async (flow): Promise<Flow<DecodedImage>[]> => {
    if (flow.kind === "dropped") return [flow];
    const { image, samples, view = options.view } = flow.item;
    try {
      const gray = await decodeImage(image);
      const crop = cropRegion(gray.width, gray.height, view);
      const admitted: Sample[] = [];
      const regions = new Map<string, Region>();
      const flows: Flow<DecodedImage>[] = [];
      for (const sample of samples) {
        const found = admit(sample, gray, crop);
        const read: Admitted = "status" in found
          ? { kind: "dropped", dropped: found }
          : await readMasks(found, gray, crop);
        if (read.kind === "dropped") {
          flows.push(read);
          continue;
        }
        const { sample: own, region } = read.item;
        admitted.push(own);
        if (region) regions.set(own.id, region);
      }
      if (admitted.length > 0) {
        flows.push(item({ samples: admitted, gray, crop, ...(regions.size > 0 && { regions }) }));
      }
      return flows;
    } catch (error) {
      return samples.map((sample) => failed("decode", sample, error));
    }
  }, options);
  for await (const flows of decoded) {
    for (const flow of flows) {
      if (ending?.aborted) return;
      yield flow;
    }
  }
}
