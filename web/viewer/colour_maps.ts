/**
 * The colour maps that heatmaps can be seen in.
 *
 * @module
 */

import {
  interpolateCividis,
  interpolateMagma,
  interpolatePlasma,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { type Colour, HEAT_COLOURS, sampleColours } from "../../reports/figures/heat_colours.ts";

/** A colour map. */
export interface ColourMap {
  /** Its name, as Matplotlib has it. */
  readonly name: string;
  /** By heat in 0..255. */
  readonly colours: readonly Colour[];
}

/** The first is that of every other picture of a heatmap; all but turbo are perceptual. */
export const COLOUR_MAPS: readonly [ColourMap, ...ColourMap[]] = [
  { name: "inferno", colours: HEAT_COLOURS },
  // Cut as inferno is: black would darken the X-ray, and white is bone.
  { name: "magma", colours: sampleColours(interpolateMagma, 0.25, 0.95) },
  { name: "plasma", colours: sampleColours(interpolatePlasma) },
  { name: "viridis", colours: sampleColours(interpolateViridis) },
  { name: "cividis", colours: sampleColours(interpolateCividis) },
  { name: "turbo", colours: sampleColours(interpolateTurbo) },
];
