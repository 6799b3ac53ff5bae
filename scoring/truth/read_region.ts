/**
 * Masks of a dataset to the region of an image.
 *
 * @module
 */

import { InputRangeError, InputSyntaxError } from "../../base/errors.ts";
import type { Size } from "../../base/geometry.ts";
import { type Region, regionOf } from "../../base/region.ts";
import { quote } from "../../base/text.ts";
import type { PngMask, TruthMask } from "../../base/truth_mask.ts";
import { pngMask } from "../../images/decoders/png_mask.ts";
import { imageHeader } from "../../images/image_header.ts";
import { MAX_PIXELS, MAX_SHOWN_PATH, readImage } from "../../images/read_image.ts";
import { fillPolygon } from "./polygon.ts";
import { fillRle } from "./rle.ts";

/** Most characters of a mask in a run's results; a line has at most 16 MiB. */
const MAX_TEXT = 2 ** 22;

/** A region, with facts worth knowing. */
export interface ReadRegion {
  /** Pixels of the image in any of the masks; at least one. */
  readonly region: Region;
  /** Sentences about masks that were cut at the image's edges, or that mark no pixel. */
  readonly notes: readonly string[];
}

/**
 * Makes the region of masks: the pixels of the image in any of them. Marked pixels outside the
 * image are cut off, with a note.
 *
 * @param masks Masks of one sample, at least one.
 * @param image Size of the image in pixels.
 * @throws {NotFound} If a mask's file does not exist.
 * @throws {SyntaxError} If a mask's file is no whole PNG, or a string holds no run lengths.
 * @throws {RangeError} If a mask is for an image of another size, or its numbers make no mask. Also
 * if no mask marks a pixel of the image.
 * @throws {TypeError} If a mask's path is not a regular file.
 */
export async function readRegion(masks: readonly TruthMask[], image: Size): Promise<ReadRegion> {
  const { width, height } = image;
  const pixels = new Uint8Array(width * height);
  const notes: string[] = [];
  let marked = 0;
  let first: string | undefined;
  for (const [i, mask] of masks.entries()) {
    const name = mask.kind === "png"
      ? `mask ${quote(mask.path, MAX_SHOWN_PATH)}`
      : masks.length === 1
      ? "the mask"
      : `mask ${i + 1}`;
    const { inside, cut } = await fill(mask, name, image, (index) => pixels[index] = 1);
    marked += inside;
    if (inside > 0 && cut === "") continue;
    const note = inside > 0
      ? `${name} reaches past the image and was cut${cut}`
      : cut === ""
      ? `${name} marks no pixel`
      : `${name} lies outside the image of ${width}x${height} pixels`;
    first ??= note;
    notes.push(note);
  }
  if (marked === 0) throw new InputRangeError(`Cannot score against a mask: ${first}`);
  return { region: regionOf(pixels, image), notes };
}

/** Numbers of the pixels that a mask marks. */
interface Marked {
  /** Marked pixels of the image. */
  readonly inside: number;
  /** Text about marked pixels outside the image; empty if there are none. */
  readonly cut: string;
}

/** Calls a function with the row-major index of each pixel of the image that a mask marks. */
async function fill(
  mask: TruthMask,
  name: string,
  image: Size,
  put: (index: number) => void,
): Promise<Marked> {
  if (mask.kind === "png") return await fillPng(mask, name, image, put);
  if (JSON.stringify(mask).length > MAX_TEXT) {
    throw new InputRangeError(
      `Cannot read ${name}: it takes more than ${MAX_TEXT} characters; write it as a PNG`,
    );
  }
  let inside = 0;
  const count = (index: number) => {
    inside++;
    put(index);
  };
  if (mask.kind === "rle") {
    const { width, height } = mask;
    requireSize(name, mask, image);
    fillRle(mask.counts, { width, height }, name, count);
    return { inside, cut: "" };
  }
  const { polygons } = mask;
  if (polygons.length === 0) {
    throw new InputRangeError(`Cannot read ${name}: it has no polygon, expected at least one`);
  }
  let isCut = false;
  for (const [i, polygon] of polygons.entries()) {
    const own = polygons.length === 1 ? name : `polygon ${i + 1} of ${name}`;
    if (fillPolygon(polygon, image, own, count)) isCut = true;
  }
  return { inside, cut: isCut ? " at the edge" : "" };
}

async function fillPng(
  { path, left, top }: PngMask,
  name: string,
  image: Size,
  put: (index: number) => void,
): Promise<Marked> {
  const [x, y] = [left ?? 0, top ?? 0];
  if (!Number.isSafeInteger(x) || !Number.isSafeInteger(y)) {
    throw new InputRangeError(
      `Cannot place ${name}: expected whole pixels as its left and top edge, got ${left} and ${top}`,
    );
  }
  const png = await readImage(path, "mask");
  const header = imageHeader(png);
  if (header?.format !== "PNG") {
    throw new InputSyntaxError(`Cannot read ${name}: it is not a PNG file`);
  }
  const { size } = header;
  if (size && size.width * size.height > MAX_PIXELS) {
    throw new InputRangeError(
      `Cannot read ${name}: ${size.width}x${size.height} pixels are more than ${MAX_PIXELS}`,
    );
  }
  const found = pngMask(png);
  if (!found) {
    throw new InputSyntaxError(`Cannot read ${name}: the PNG file is truncated or corrupt`);
  }
  if (left === undefined && top === undefined) requireSize(name, found, image);
  let [inside, outside] = [0, 0];
  const { data, width, height } = found;
  for (let row = 0, i = 0; row < height; row++) {
    const isRow = y + row >= 0 && y + row < image.height;
    for (let column = 0; column < width; column++, i++) {
      if (data[i] === 0) continue;
      if (isRow && x + column >= 0 && x + column < image.width) {
        inside++;
        put((y + row) * image.width + x + column);
      } else outside++;
    }
  }
  const cut = outside === 0
    ? ""
    : `: ${outside} of its ${inside + outside} marked pixels lie outside`;
  return { inside, cut };
}

function requireSize(name: string, size: Size, image: Size): void {
  if (size.width === image.width && size.height === image.height) return;
  throw new InputRangeError(
    `Cannot read ${name}: it is for ${size.width}x${size.height} pixels, but the image has ` +
      `${image.width}x${image.height}`,
  );
}
