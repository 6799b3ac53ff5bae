/**
 * Colours that all pictures of heatmaps share.
 *
 * @module
 */

import { interpolateInferno } from "d3-scale-chromatic";

export type Color = readonly [red: number, green: number, blue: number];

/**
 * Samples 256 colours from a part of a colour map, by heat of 0..255.
 *
 * @param map Returns the CSS colour at a share of 0..1, as `#rrggbb` or `rgb(r, g, b)`.
 * @param from Start of the part, 0..1; 0 by default.
 * @param to End of the part, 0..1; 1 by default.
 */
export function sampleColors(
  map: (share: number) => string,
  from = 0,
  to = 1,
): readonly Color[] {
  return Array.from({ length: 256 }, (_, level) => {
    const css = map(from + (to - from) * level / 255);
    const parts = css.startsWith("#")
      ? [1, 3, 5].map((at) => parseInt(css.slice(at, at + 2), 16))
      : css.match(/\d+/g)!.map(Number);
    return parts as unknown as Color;
  });
}

/** Inferno by heat of 0..255, without its black and white ends. */
export const HEAT_COLORS: readonly Color[] = sampleColors(interpolateInferno, 0.25, 0.95);

/** Opacity of the hottest pixel, low enough to show the anatomy below. */
export const MAX_OPACITY = 0.65;

/** Factor of the brightness outside the crop. */
export const DIMMED = 0.45;

/** Colour of the mask's outline. */
export const OUTLINE: Color = [64, 224, 255];

/** Colour of the ground truth. */
export const BOX: Color = [0, 230, 64];
