/**
 * A heatmap laid over its X-ray.
 *
 * @module
 */

import { Image } from "imagescript";
import type { Box } from "../datasets/sample.ts";
import { BOX, type Colour, DIMMED, HEAT_COLOURS, MAX_OPACITY, OUTLINE } from "./heat_colours.ts";
import { resample } from "./resample.ts";

/** What an overlay shows. */
export interface Overlay {
  /** The X-ray, one byte a pixel, row by row. */
  readonly gray: {
    readonly data: Uint8Array | Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
  };
  /** `[size, size]` in 0..1; 0 is outside the mask. */
  readonly heatmap: Float32Array;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: { readonly x: number; readonly y: number; readonly side: number };
  /**
   * Ground truth, drawn in green.
   *
   * @default {[]}
   */
  readonly boxes?: readonly Box[];
  /**
   * Longer side of the picture in pixels, at most.
   *
   * @default {1024}
   */
  readonly maxSide?: number;
}

/** Longer side of the picture in pixels; an X-ray of 3000 would make a file of many megabytes. */
const MAX_SIDE = 1024;

/** Shorter sides are scaled up to this, so that the outline is thin. */
const MIN_SIDE = 512;

/**
 * Draws the X-ray with the heatmap over it in the perceptual colour map
 * inferno, the mask's outline, the area outside the crop dimmed, and the
 * ground truth.
 *
 * @returns A PNG file.
 */
export async function renderOverlay(overlay: Overlay): Promise<Uint8Array> {
  return await encodePicture(paintOverlay(overlay));
}

/** Draws what {@linkcode renderOverlay} makes a file of. */
export function paintOverlay(overlay: Overlay): Image {
  const { gray, heatmap, size, crop, boxes = [], maxSide = MAX_SIDE } = overlay;
  const longer = Math.max(gray.width, gray.height);
  const scale = Math.min(maxSide / longer, Math.max(1, MIN_SIDE / longer));
  const width = Math.max(1, Math.round(gray.width * scale));
  const height = Math.max(1, Math.round(gray.height * scale));

  /** The heatmap at a pixel of the picture; -1 outside the crop. */
  const heatAt = (x: number, y: number): number => {
    const column = Math.floor(((x + 0.5) / scale - crop.x) / crop.side * size);
    const row = Math.floor(((y + 0.5) / scale - crop.y) / crop.side * size);
    const isInside = column >= 0 && row >= 0 && column < size && row < size;
    return isInside ? heatmap[row * size + column]! : -1;
  };
  const isMask = (x: number, y: number) => heatAt(x, y) > 0;

  const image = new Image(width, height);
  const put = (x: number, y: number, [red, green, blue]: Colour) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    image.bitmap.set([red, green, blue, 255], 4 * (y * width + x));
  };
  const pixels = resample(gray, width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const heat = heatAt(x, y);
      const base = pixels[y * width + x]! * (heat < 0 ? DIMMED : 1);
      const colour = HEAT_COLOURS[Math.round(255 * Math.max(0, Math.min(1, heat)))]!;
      const opacity = heat > 0 ? MAX_OPACITY * Math.sqrt(Math.min(1, heat)) : 0;
      const mix = colour.map((part) => Math.round(base * (1 - opacity) + part * opacity));
      const isEdge = heat > 0 &&
        !(isMask(x - 1, y) && isMask(x + 1, y) && isMask(x, y - 1) && isMask(x, y + 1));
      put(x, y, isEdge ? OUTLINE : mix as unknown as Colour);
    }
  }
  for (const box of boxes) {
    const [left, top, right, bottom] = [box[0], box[1], box[0] + box[2], box[1] + box[3]]
      .map((edge) => Math.round(edge * scale)) as [number, number, number, number];
    for (let thickness = 0; thickness < 2; thickness++) {
      for (let x = left; x < right; x++) {
        put(x, top + thickness, BOX);
        put(x, bottom - 1 - thickness, BOX);
      }
      for (let y = top; y < bottom; y++) {
        put(left + thickness, y, BOX);
        put(right - 1 - thickness, y, BOX);
      }
    }
  }
  return image;
}

/** A picture as a PNG file. */
export async function encodePicture(image: Image): Promise<Uint8Array> {
  // The encoder writes a time into the file; with that of now, no two runs' bytes would be equal.
  return await image.encode(1, { creationTime: 0 });
}
