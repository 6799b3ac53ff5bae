import { Buffer } from "node:buffer";
import {
  type Box,
  coveredRegion,
  type CropRegion,
  type GrayImage,
  type Size,
} from "../../base/geometry.ts";
import { maskOf, type Region } from "../../base/region.ts";
import { BOX, type Color, DIMMED, HEAT_COLORS, MAX_OPACITY, OUTLINE } from "./heat_colors.ts";
import { resample } from "../../images/resample.ts";

/** Content of an overlay. */
export interface Overlay {
  /** The X-ray, one byte per pixel, row by row. */
  readonly gray: GrayImage;
  /** Row-major `[size, size]` values in 0..1; pixels outside the mask are 0. */
  readonly heatmap: Float32Array;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: CropRegion;
  /**
   * Ground truth in pixels of the X-ray, drawn in green.
   *
   * @default {[]}
   */
  readonly boxes?: readonly Box[];
  /**
   * Ground truth in pixels of the X-ray, drawn as a green outline.
   *
   * @default {None}
   */
  readonly region?: Region;
  /**
   * Predicted boxes in pixels of the X-ray, drawn in the colour of the mask's outline.
   *
   * @default {[]}
   */
  readonly predicted?: readonly Box[];
  /**
   * Largest length of the picture's longer side in pixels.
   *
   * @default {1024}
   */
  readonly maxSide?: number;
}

/** Longer side of the picture in pixels; the 3000 pixels of an X-ray would make huge files. */
const MAX_SIDE = 1024;

/** PNG's colour type for red, green and blue. */
const RGB = 2;

/** PNG's filter of differences to the row above. */
const UP = 2;

/** Thickness of the ground truth's lines in pixels, inside the ground truth. */
const THICKNESS = 2;

/** Smaller X-rays are enlarged to this longer side in pixels, to keep the outline thin. */
const MIN_SIDE = 512;

/**
 * Draws the heatmap over the X-ray in the perceptual colour map inferno. Also draws the outline of
 * the mask and the ground truth, and dims the area outside the crop.
 *
 * @returns A PNG file.
 */
export async function renderOverlay(overlay: Overlay): Promise<Uint8Array> {
  return await encodeWithOpacity(
    paintOverlay(overlay, backdropOf(overlay.gray, overlay.maxSide)),
  );
}

/** Encodes a picture as a PNG file with its opacity; equal pictures give equal bytes. */
export async function encodeWithOpacity({ width, height, bitmap }: Picture): Promise<Uint8Array> {
  const { Image } = await import("imagescript");
  const image = new Image(width, height);
  image.bitmap.set(bitmap);
  // The encoder writes a time into the file; the current time would make equal runs differ.
  return await image.encode(1, { creationTime: 0 });
}

/**
 * Makes the part of an overlay without heat: a heatmap of a single 0 over the whole X-ray. Predicted
 * boxes take its place.
 */
export function withoutHeat(image: Size): Pick<Overlay, "heatmap" | "size" | "crop"> {
  return { heatmap: new Float32Array(1), size: 1, crop: coveredRegion(image, "whole") };
}

/** An X-ray at the size of its picture. */
export interface Backdrop extends Size {
  /** Pixels of the picture per pixel of the X-ray. */
  readonly scale: number;
  /** Grey levels of 0..255, row by row. */
  readonly pixels: Float32Array;
}

/** Resizes an X-ray for its picture, with a longer side of at most `maxSide` pixels. */
export function backdropOf(gray: GrayImage, maxSide = MAX_SIDE): Backdrop {
  const longer = Math.max(gray.width, gray.height);
  const scale = Math.min(maxSide / longer, Math.max(1, MIN_SIDE / longer));
  const width = Math.max(1, Math.round(gray.width * scale));
  const height = Math.max(1, Math.round(gray.height * scale));
  return { width, height, scale, pixels: resample(gray, width, height) };
}

/** A picture before it is encoded. */
export interface Picture extends Size {
  /** Red, green, blue and opacity of each pixel, row by row: `[height, width, 4]`. */
  readonly bitmap: Uint8ClampedArray;
}

/** Creates a transparent picture. */
export function pictureOf(width: number, height: number): Picture {
  return { width, height, bitmap: new Uint8ClampedArray(4 * width * height) };
}

/**
 * Draws the picture of {@linkcode renderOverlay}, before it is encoded.
 *
 * @param backdrop The X-ray from {@linkcode backdropOf}, which several overlays may share.
 */
export function paintOverlay(overlay: Overlay, backdrop: Backdrop): Picture {
  const { heatmap, size, crop, boxes = [], predicted = [], region } = overlay;
  const { width, height, scale, pixels } = backdrop;

  /** Rows or columns of the heatmap, by row or column of the picture; -1 outside the crop. */
  const cells = (length: number, start: number, covered: number) =>
    Int32Array.from({ length: length + 2 }, (_, i) => {
      // One more pixel at each end lets the loop below look past the edges of the picture.
      const cell = Math.floor(((i - 0.5) / scale - start) / covered * size);
      return cell >= 0 && cell < size ? cell : -1;
    });
  const columns = cells(width, crop.x, crop.side);
  const rows = cells(height, crop.y, crop.height ?? crop.side);
  const heatAt = (column: number, row: number) =>
    column < 0 || row < 0 ? -1 : heatmap[row * size + column]!;

  const image = pictureOf(width, height);
  const { bitmap } = image;
  const put = (x: number, y: number, [red, green, blue]: Color) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    bitmap.set([red, green, blue, 255], 4 * (y * width + x));
  };
  let at = 0;
  for (let y = 0; y < height; y++) {
    const [above, row, below] = [rows[y]!, rows[y + 1]!, rows[y + 2]!];
    for (let x = 0; x < width; x++, at += 4) {
      const column = columns[x + 1]!;
      const heat = heatAt(column, row);
      const base = pixels[y * width + x]! * (heat < 0 ? DIMMED : 1);
      bitmap[at + 3] = 255;
      if (!(heat > 0)) {
        bitmap[at] = bitmap[at + 1] = bitmap[at + 2] = Math.round(base);
        continue;
      }
      const isInner = heatAt(columns[x]!, row) > 0 && heatAt(columns[x + 2]!, row) > 0 &&
        heatAt(column, above) > 0 && heatAt(column, below) > 0;
      const share = Math.min(1, heat);
      const opacity = isInner ? MAX_OPACITY * Math.sqrt(share) : 1;
      const color = isInner ? HEAT_COLORS[Math.round(255 * share)]! : OUTLINE;
      for (let part = 0; part < 3; part++) {
        bitmap[at + part] = Math.round(base * (1 - opacity) + color[part]! * opacity);
      }
    }
  }
  if (region) outlineRegion(region, backdrop, (x, y) => put(x, y, BOX));
  const frame = (box: Box, color: Color) => {
    const [left, top, right, bottom] = [box[0], box[1], box[0] + box[2], box[1] + box[3]]
      .map((edge) => Math.round(edge * scale)) as [number, number, number, number];
    for (let thickness = 0; thickness < THICKNESS; thickness++) {
      for (let x = left; x < right; x++) {
        put(x, top + thickness, color);
        put(x, bottom - 1 - thickness, color);
      }
      for (let y = top; y < bottom; y++) {
        put(left + thickness, y, color);
        put(right - 1 - thickness, y, color);
      }
    }
  };
  for (const box of boxes) frame(box, BOX);
  for (const box of predicted) frame(box, OUTLINE);
  return image;
}

/** Calls a function with the picture's pixels on the inner edge of a region. */
function outlineRegion(
  region: Region,
  { width, height, scale }: Backdrop,
  put: (x: number, y: number) => void,
): void {
  const mask = maskOf(region);
  const inside = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y + 0.5) / scale) * region.width;
    for (let x = 0; x < width; x++) {
      inside[y * width + x] = mask[row + Math.floor((x + 0.5) / scale)]!;
    }
  }
  /** Number of pixels inside the region, of the square around a pixel. */
  const around = (x: number, y: number, reach: number) => {
    let count = 0;
    for (let v = Math.max(y - reach, 0); v <= Math.min(y + reach, height - 1); v++) {
      for (let u = Math.max(x - reach, 0); u <= Math.min(x + reach, width - 1); u++) {
        count += inside[v * width + u]!;
      }
    }
    return count;
  };
  const whole = (2 * THICKNESS + 1) ** 2;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (inside[y * width + x] && around(x, y, THICKNESS) < whole) put(x, y);
    }
  }
  // A tube can be thinner than a pixel of the picture, and would have gaps. Beside a thick region
  // two pixels of the square are inside.
  const at = (pixel: number) => Math.floor((pixel + 0.5) * scale);
  for (let y = 0; y < region.height; y++) {
    for (let run = region.rows[y]!; run < region.rows[y + 1]!; run++) {
      const last = at(region.runs[2 * run + 1]! - 1);
      for (let x = at(region.runs[2 * run]!); x <= last; x++) {
        if (around(x, at(y), 1) < 2) put(x, at(y));
      }
    }
  }
}

/** Encodes a picture as a PNG file, without its alpha channel. */
export async function encodePicture({ width, height, bitmap }: Picture): Promise<Uint8Array> {
  // [height, width, 3]: red, green, blue
  const data = Buffer.alloc(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4) {
    data[to++] = bitmap[from]!;
    data[to++] = bitmap[from + 1]!;
    data[to++] = bitmap[from + 2]!;
  }
  // Hundreds of phrases need as many pictures, and level 6 takes three times as long as level 2.
  const { PNG } = await import("pngjs");
  return PNG.sync.write({ width, height, data }, {
    colorType: RGB,
    inputColorType: RGB,
    inputHasAlpha: false,
    filterType: UP,
    deflateLevel: 2,
    deflateStrategy: 0,
  });
}
