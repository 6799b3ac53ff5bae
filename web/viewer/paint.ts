import type { GrayImage } from "../../base/geometry.ts";
import type { Color } from "../../reports/figures/heat_colors.ts";
import { normalize01, valueRange } from "../../shaders/aggregate_cpu.ts";

/** RGBA bytes, row by row; this file makes them without a canvas, so that tests can run it. */
export type Pixels = Uint8ClampedArray<ArrayBuffer>;

/**
 * Paints an X-ray, its levels stretched between `black`, 0..254, the highest level painted black,
 * and `white`, the lowest level painted white; `invert` makes both change places.
 */
export function paintGray(
  { data, width, height }: GrayImage,
  black: number,
  white: number,
  invert = false,
): Pixels {
  const levels = Uint8ClampedArray.from({ length: 256 }, (_, level) => {
    const share = Math.min(Math.max((level - black) / Math.max(white - black, 1), 0), 1);
    return 255 * (invert ? 1 - share : share);
  });
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < data.length; i++) {
    const level = levels[data[i]!]!;
    pixels[4 * i] = pixels[4 * i + 1] = pixels[4 * i + 2] = level;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/**
 * Paints a heatmap of values 0..1, transparent outside the mask, where they are 0.
 *
 * @param colors Colours by heat, 0..255.
 * @param opacity Opacity at heat 1, 0..1; falls with the square root of the heat, as in
 * `overlay.png`.
 */
export function paintHeatmap(
  heatmap: Float32Array,
  colors: readonly Color[],
  opacity: number,
): Pixels {
  const pixels = new Uint8ClampedArray(4 * heatmap.length);
  heatmap.forEach((value, i) => {
    if (value <= 0) return;
    pixels.set(colors[Math.min(Math.round(255 * value), 255)]!, 4 * i);
    pixels[4 * i + 3] = 255 * opacity * Math.sqrt(Math.min(value, 1));
  });
  return pixels;
}

/** Paints finite values from their lowest to their highest; equal values take the lowest colour. */
export function paintMap(values: Float32Array, colors: readonly Color[]): Pixels {
  const range = valueRange(values);
  const shares = range.maximum > range.minimum
    ? normalize01(values, range)
    : new Float32Array(values.length);
  const pixels = new Uint8ClampedArray(4 * values.length);
  shares.forEach((share, i) => pixels.set([...colors[Math.round(255 * share)]!, 255], 4 * i));
  return pixels;
}

/** One side of a heatmap pixel that belongs to an outline; ends in heatmap pixels. */
export type Edge = readonly [x1: number, y1: number, x2: number, y2: number];

/** Lists the edges between a mask and its outside; `size` is the heatmap's side in pixels. */
export function outlineOf(heatmap: Float32Array, size: number): Edge[] {
  const isIn = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < size && y < size && heatmap[y * size + x]! > 0;
  const edges: Edge[] = [];
  for (let y = 0; y <= size; y++) {
    for (let x = 0; x <= size; x++) {
      const inside = isIn(x, y);
      if (inside !== isIn(x - 1, y)) edges.push([x, y, x, y + 1]);
      if (inside !== isIn(x, y - 1)) edges.push([x, y, x + 1, y]);
    }
  }
  return edges;
}
