import { InputRangeError } from "../base/errors.ts";
import type { GridHeatmap } from "../models/grid_model.ts";
import type { Heatmap } from "../pipeline/postprocess.ts";

/**
 * Converts a method's grid to the heatmap that is scored. Negative values become 0, as in the paper
 * for cosines (section IV), and in `eval_biovil_t.py` of the released code. The function scales and
 * cuts no values.
 *
 * @throws {RangeError} If the values do not fill the grid or are not finite.
 */
export function finishGrid({ values, side }: GridHeatmap): Heatmap {
  if (!(Number.isInteger(side) && side >= 1 && values.length === side * side)) {
    throw new InputRangeError(
      `Cannot read a heatmap of ${values.length} values: expected ${side} x ${side}`,
    );
  }
  if (!values.every(Number.isFinite)) {
    throw new InputRangeError("Cannot read a heatmap: expected finite values");
  }
  const heatmap = values.map((value) => Math.max(value, 0));
  return {
    smoothed: values,
    normalised: heatmap,
    heatmap,
    constant: heatmap.every((value) => value === heatmap[0]),
    threshold: undefined,
    box: undefined,
  };
}
