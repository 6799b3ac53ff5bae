import type { Flags } from "../base/options.ts";
import { BOXES } from "./boxes/boxes.ts";
import { DAAM } from "./daam/daam.ts";
import { GENERATE_TO_GROUND } from "./generate_to_ground/generate_to_ground.ts";
import { GRID_METHODS } from "./grid_methods.ts";
import { HEATMAPS } from "./heatmaps/heatmaps.ts";
import { LDM } from "./ldm/ldm.ts";
import { MEDRPG } from "./medrpg/medrpg.ts";
import type { MethodRow } from "./method_row.ts";
import { OMNIFM } from "./omnifm/omnifm.ts";

/** Methods by their names in options and results. */
export const METHODS: Readonly<Record<string, MethodRow>> = {
  "ldm": LDM,
  "generate-to-ground": GENERATE_TO_GROUND,
  "daam": DAAM,
  ...GRID_METHODS,
  "medrpg": MEDRPG,
  "omnifm-dr": OMNIFM,
  "boxes": BOXES,
  "heatmaps": HEATMAPS,
};

/**
 * The seed method. The record of a run of this method alone does not name the method: records of
 * older runs have this form.
 */
export const SEED = "ldm";

/** Options of `eval` that belong to methods. */
export const EVAL_METHOD_FLAGS: Flags = flagsOf((row) => ({ ...row.flags, ...row.evalFlags }));

/** Methods of {@linkcode METHODS} that `ground` runs: the methods that read an image. */
export const IMAGE_METHODS: readonly string[] = Object.keys(METHODS)
  .filter((name) => METHODS[name]!.source?.option !== "predictions");

/** Options of `ground` that belong to methods. */
export const GROUND_METHOD_FLAGS: Flags = flagsOf((row) =>
  row.source?.option === "predictions" ? {} : { ...row.flags, ...row.groundFlags }
);

function flagsOf(pick: (row: MethodRow) => Flags): Flags {
  return Object.assign({}, ...Object.values(METHODS).map(pick));
}
