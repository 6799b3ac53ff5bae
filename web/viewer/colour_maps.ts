/**
 * Colour maps that the user can choose for heatmaps.
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

/** A named colour map. */
export interface ColourMap {
  /** Name of the map in Matplotlib. */
  readonly name: string;
  /** Colours by heat, 0..255. */
  readonly colours: readonly Colour[];
}

/** The first map is also the one of figures and reports. Every map but turbo is perceptual. */
export const COLOUR_MAPS: readonly [ColourMap, ...ColourMap[]] = [
  { name: "inferno", colours: HEAT_COLOURS },
  // Trim both ends, as for inferno: black would darken the X-ray, white would look like bone.
  { name: "magma", colours: sampleColours(interpolateMagma, 0.25, 0.95) },
  { name: "plasma", colours: sampleColours(interpolatePlasma) },
  { name: "viridis", colours: sampleColours(interpolateViridis) },
  { name: "cividis", colours: sampleColours(interpolateCividis) },
  { name: "turbo", colours: sampleColours(interpolateTurbo) },
];
