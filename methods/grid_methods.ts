/**
 * The registry's rows of methods whose model gives heatmaps on its own grid. The page in a browser
 * runs them too: they need no files but the model's.
 *
 * @module
 */

import { BIOVIL, BIOVIL_T } from "./biovil/biovil.ts";
import type { MethodRow } from "./method_row.ts";

/** Name of a method in {@linkcode GRID_METHODS}. */
export type GridMethodName = "biovil" | "biovil-t";

/** Methods by their names in options and results. */
export const GRID_METHODS: Readonly<Record<GridMethodName, MethodRow>> = {
  "biovil": BIOVIL,
  "biovil-t": BIOVIL_T,
};
