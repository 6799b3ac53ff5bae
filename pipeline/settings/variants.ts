/**
 * Several ways to make heatmaps from the same passes of the U-Net.
 *
 * @module
 */

import { chooseLayers } from "../../models/ldm/model.ts";
import type { Bundle } from "../../models/ldm/bundle.ts";
import type { Selection } from "./selection.ts";

/** One way to make a heatmap, by what it leaves out. */
export interface VariantSettings {
  /** What results call it. */
  readonly name: string;
  /** Cross-attention layers to average, counted from 0 in forward order. */
  readonly layers: readonly number[] | "all";
  /** Steps to average; by default those of the run. */
  readonly select?: Selection | "all";
  /** Whether what is not above Otsu's threshold becomes 0. */
  readonly otsu: boolean;
}

/** {@linkcode VariantSettings} with every choice made. */
export interface Variant {
  /** What results call it; empty where there is only one. */
  readonly name: string;
  /** Cross-attention layers that are averaged. */
  readonly layers: readonly number[];
  /** First step that is averaged, an index into the timesteps. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** Whether what is not above Otsu's threshold becomes 0. */
  readonly otsu: boolean;
}

/**
 * The settings of the paper's Table II: all layers, those in the middle of the
 * U-Net (the coarsest level on both sides) or the chosen ones, at all steps or
 * the chosen ones, with and without Otsu's threshold.
 *
 * @param bundle The model.
 * @param layers The chosen layers.
 */
export function tableTwoVariants(bundle: Bundle, layers: readonly number[]): VariantSettings[] {
  const sides = bundle.crossAttentionSides;
  const middle = [...sides.keys()].filter((layer) => sides[layer] === Math.min(...sides));
  const choices: [string, readonly number[]][] = [
    [`all ${sides.length} layers`, [...sides.keys()]],
    [`middle ${middle.length} layers`, middle],
    [`layers ${layers.join(",")}`, layers],
  ];
  return choices.flatMap(([what, layers]) =>
    [true, false].flatMap((isAll) =>
      [false, true].map((otsu): VariantSettings => ({
        name: `${what}, ${isAll ? "all" : "middle"} steps${otsu ? ", Otsu" : ""}`,
        layers,
        ...(isAll && { select: "all" }),
        otsu,
      }))
    )
  );
}

/**
 * All layers that some variants average.
 *
 * @param count How many the model has.
 * @throws {RangeError} If one of them is not there, or a variant has none.
 */
export function variantLayers(variants: readonly VariantSettings[], count: number): number[] {
  return chooseLayers(variants.flatMap(({ layers }) => chooseLayers(layers, count)), count);
}
