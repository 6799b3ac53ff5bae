/**
 * Colours that all pictures of heatmaps share.
 *
 * @module
 */

import { interpolateInferno } from "d3-scale-chromatic";

export type Colour = readonly [red: number, green: number, blue: number];

/**
 * Samples 256 colours from a part of a colour map, by heat of 0..255.
 *
 * @param map Returns the CSS colour at a share of 0..1, as `#rrggbb` or `rgb(r, g, b)`.
 * @param from Start of the part, 0..1; 0 by default.
 * @param to End of the part, 0..1; 1 by default.
 */
export function sampleColours(
  map: (share: number) => string,
  from = 0,
  to = 1,
): readonly Colour[] {
  return Array.from({ length: 256 }, (_, level) => {
    const css = map(from + (to - from) * level / 255);
    const parts = css.startsWith("#")
      ? [1, 3, 5].map((at) => parseInt(css.slice(at, at + 2), 16))
      : css.match(/\d+/g)!.map(Number);
    return parts as unknown as Colour;
  });
}

/** Inferno by heat of 0..255, without its black and white ends. */
export const HEAT_COLOURS: readonly Colour[] = sampleColours(interpolateInferno, 0.25, 0.95);

/** Opacity of the hottest pixel, low enough to show the anatomy below. */
export const MAX_OPACITY = 0.65;

/** Factor of the brightness outside the crop. */
export const DIMMED = 0.45;

/** Colour of the mask's outline. */
export const OUTLINE: Colour = [64, 224, 255];

/** Colour of the ground truth. */
export const BOX: Colour = [0, 230, 64];
