import {
  interpolateCividis,
  interpolateMagma,
  interpolatePlasma,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { type Color, HEAT_COLORS, sampleColors } from "../../reports/figures/heat_colors.ts";

/** A colour map: its name in Matplotlib, and its colours by heat, 0..255. */
type ColorMap = { readonly name: string; readonly colors: readonly Color[] };

/** Figures and reports have the first map. Every map but turbo is perceptual. */
export const COLOR_MAPS: readonly [ColorMap, ...ColorMap[]] = [
  { name: "inferno", colors: HEAT_COLORS },
  // Trim both ends, as for inferno: black would darken the X-ray, white would look like bone.
  { name: "magma", colors: sampleColors(interpolateMagma, 0.25, 0.95) },
  { name: "plasma", colors: sampleColors(interpolatePlasma) },
  { name: "viridis", colors: sampleColors(interpolateViridis) },
  { name: "cividis", colors: sampleColors(interpolateCividis) },
  { name: "turbo", colors: sampleColors(interpolateTurbo) },
];
