/**
 * The colours of every picture of a heatmap.
 *
 * @module
 */

import { interpolateInferno } from "d3-scale-chromatic";

/** Red, green and blue, each 0..255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** Inferno from where it is no longer black to where it is not yet white, by heat in 0..255. */
export const HEAT_COLOURS: readonly Colour[] = Array.from({ length: 256 }, (_, level) => {
  const hex = interpolateInferno(0.25 + 0.7 * level / 255);
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Colour;
});

/** Opacity of the hottest pixel; the anatomy must stay readable below it. */
export const MAX_OPACITY = 0.65;

/** Brightness that is left outside the crop. */
export const DIMMED = 0.45;

/** The mask's outline. */
export const OUTLINE: Colour = [64, 224, 255];

/** Ground truth. */
export const BOX: Colour = [0, 230, 64];
