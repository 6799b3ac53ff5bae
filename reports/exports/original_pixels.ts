import type { Box } from "../../base/geometry.ts";
import { nearestPixel } from "../../shaders/metrics_cpu.ts";
import type { RunHeatmap } from "../../runs/run.ts";

/** A heatmap with its side, its crop and the size of its image. */
export type PlacedHeatmap = Pick<RunHeatmap, "heatmap" | "size" | "image" | "crop">;

/**
 * Maps a heatmap to the pixels of its image by nearest neighbour, as the scores do.
 *
 * @example Usage
 * ```ts
 * import { heatmapOnImage } from "./original_pixels.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const values = heatmapOnImage({
 *   heatmap: Float32Array.of(0, 0.25, 0.5, 1),
 *   size: 2,
 *   image: { width: 3, height: 2 },
 *   crop: { x: 0, y: 0, side: 2 },
 * });
 * assertEquals(values, Float32Array.of(0, 0.25, NaN, 0.5, 1, NaN));
 * ```
 *
 * @param placed The heatmap, its crop and the size of its image.
 * @param margin Value of pixels outside the crop; NaN by default.
 * @returns Row-major `[height, width]`.
 */
export function heatmapOnImage(placed: PlacedHeatmap, margin: number = NaN): Float32Array {
  const { width, height } = placed.image;
  const values = new Float32Array(width * height).fill(margin);
  lay(placed, values, (value) => value);
  return values;
}

/**
 * Maps a mask to the pixels of its image: 1 where the heatmap is above 0, else 0.
 *
 * @param placed The heatmap after Otsu's threshold, its crop and the size of its image.
 * @returns Row-major `[height, width]`.
 */
export function maskOnImage(placed: PlacedHeatmap): Uint8Array {
  const { width, height } = placed.image;
  const mask = new Uint8Array(width * height);
  lay(placed, mask, (value) => value > 0 ? 1 : 0);
  return mask;
}

/** Returns the box around a mask in pixels; `undefined` if the mask is empty. */
export function boxOfMask(mask: Uint8Array, width: number): Box | undefined {
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let start = 0; start < mask.length; start += width) {
    const row = mask.subarray(start, start + width);
    const first = row.indexOf(1);
    if (first < 0) continue;
    left = Math.min(left, first);
    right = Math.max(right, row.lastIndexOf(1));
    bottom = start / width;
    if (top < 0) top = bottom;
  }
  return right < 0 ? undefined : [left, top, right + 1 - left, bottom + 1 - top];
}

function lay(
  { heatmap, size, image: { width }, crop: { x: left, y: top, side, height = side } }:
    PlacedHeatmap,
  target: Float32Array | Uint8Array,
  convert: (value: number) => number,
): void {
  const sources = (length: number) =>
    Uint16Array.from({ length }, (_, i) => i).map(nearestPixel(size, length));
  const [columns, rows] = [sources(side), sources(height)];
  let drawn = -1;
  for (let y = 0; y < height; y++) {
    const start = (top + y) * width + left;
    const row = rows[y]!;
    // Most image rows repeat the row above, since a heatmap has fewer rows: a copy is faster.
    if (row === drawn) target.copyWithin(start, start - width, start - width + side);
    else {for (let x = 0; x < side; x++) {
        target[start + x] = convert(heatmap[row * size + columns[x]!]!);
      }}
    drawn = row;
  }
}
