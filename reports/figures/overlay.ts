/**
 * A heatmap laid over its X-ray.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Image } from "imagescript";
import type { Box } from "../../base/geometry.ts";
import { BOX, type Colour, DIMMED, HEAT_COLOURS, MAX_OPACITY, OUTLINE } from "./heat_colours.ts";
import { resample } from "../../images/resample.ts";

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

/** PNG's colour type of red, green and blue. */
const RGB = 2;

/** PNG's filter that tells a row from the one above. */
const UP = 2;

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
  // The encoder writes a time into the file; with that of now, no two runs' bytes would be equal.
  return await paintOverlay(overlay).encode(1, { creationTime: 0 });
}

/** Draws what {@linkcode renderOverlay} makes a file of. */
export function paintOverlay(overlay: Overlay): Image {
  const { gray, heatmap, size, crop, boxes = [], maxSide = MAX_SIDE } = overlay;
  const longer = Math.max(gray.width, gray.height);
  const scale = Math.min(maxSide / longer, Math.max(1, MIN_SIDE / longer));
  const width = Math.max(1, Math.round(gray.width * scale));
  const height = Math.max(1, Math.round(gray.height * scale));

  /** The row or column of the heatmap at each pixel of the picture's side; -1 outside the crop. */
  const cells = (length: number, start: number) =>
    Int32Array.from({ length: length + 2 }, (_, i) => {
      // A pixel more at either end: what is beside the picture is no mask.
      const cell = Math.floor(((i - 0.5) / scale - start) / crop.side * size);
      return cell >= 0 && cell < size ? cell : -1;
    });
  const columns = cells(width, crop.x);
  const rows = cells(height, crop.y);
  const heatAt = (column: number, row: number) =>
    column < 0 || row < 0 ? -1 : heatmap[row * size + column]!;

  const image = new Image(width, height);
  const { bitmap } = image;
  const put = (x: number, y: number, [red, green, blue]: Colour) => {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    bitmap.set([red, green, blue, 255], 4 * (y * width + x));
  };
  const pixels = resample(gray, width, height);
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
      const colour = isInner ? HEAT_COLOURS[Math.round(255 * share)]! : OUTLINE;
      for (let part = 0; part < 3; part++) {
        bitmap[at + part] = Math.round(base * (1 - opacity) + colour[part]! * opacity);
      }
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

/** A picture as a PNG file, without its opacity. */
export async function encodePicture({ width, height, bitmap }: Image): Promise<Uint8Array> {
  // [height, width, red green blue]
  const data = Buffer.alloc(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4) {
    data[to++] = bitmap[from]!;
    data[to++] = bitmap[from + 1]!;
    data[to++] = bitmap[from + 2]!;
  }
  // Of several hundred phrases the pictures must cost little: level 6 takes three times level 2.
  const { PNG } = await import("pngjs");
  return PNG.sync.write({ width, height, data }, {
    ...{ colorType: RGB, inputColorType: RGB, inputHasAlpha: false },
    ...{ filterType: UP, deflateLevel: 2, deflateStrategy: 0 },
  });
}
