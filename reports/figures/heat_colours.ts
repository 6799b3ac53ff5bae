/**
 * The colours of every picture of a heatmap.
 *
 * @module
 */

import { interpolateInferno } from "d3-scale-chromatic";

/** Red, green and blue, each 0..255. */
export type Colour = readonly [red: number, green: number, blue: number];

/**
 * A stretch of a colour map by heat in 0..255.
 *
 * @param map Colours as CSS by shares of 0..1, as `#rrggbb` or as `rgb(r, g, b)`.
 * @param from Where the stretch begins.
 * @param to Where it ends.
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

/** Inferno from where it is no longer black to where it is not yet white, by heat in 0..255. */
export const HEAT_COLOURS: readonly Colour[] = sampleColours(interpolateInferno, 0.25, 0.95);

/** Opacity of the hottest pixel; the anatomy must stay readable below it. */
export const MAX_OPACITY = 0.65;

/** Brightness that is left outside the crop. */
export const DIMMED = 0.45;

/** The mask's outline. */
export const OUTLINE: Colour = [64, 224, 255];

/** Ground truth. */
export const BOX: Colour = [0, 230, 64];
