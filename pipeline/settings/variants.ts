import { chooseLayers } from "../../models/ldm/model.ts";
import type { Bundle } from "../../models/ldm/bundle.ts";
import type { Selection } from "./selection.ts";

/** A way to make a heatmap: its layers, its steps and whether Otsu's threshold applies. */
export interface VariantSettings {
  /** Name in the results. */
  readonly name: string;
  /** Cross-attention layers to average, counted from 0 in forward order. */
  readonly layers: readonly number[] | "all";
  /** Steps to average; by default the steps of the run. */
  readonly select?: Selection | "all";
  /** Whether values up to Otsu's threshold become 0. */
  readonly otsu: boolean;
}

/** {@linkcode VariantSettings} with all defaults filled in. */
export interface Variant {
  /** Name in the results; empty if there is only one variant. */
  readonly name: string;
  /** Cross-attention layers that are averaged. */
  readonly layers: readonly number[];
  /** First step that is averaged, an index into the timesteps. */
  readonly start: number;
  /** One past the last step that is averaged. */
  readonly end: number;
  /** Whether values up to Otsu's threshold become 0. */
  readonly otsu: boolean;
}

/**
 * The variants of the paper's Table II: every combination of layers and steps, without and with
 * Otsu's threshold. The layers are all layers, the middle of the U-Net, or the chosen layers. The
 * middle is the coarsest level on both sides. The steps are all steps or the run's steps.
 *
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
 * All layers that at least one variant averages.
 *
 * @param count Number of cross-attention layers of the model.
 * @throws {RangeError} If the model does not have a layer, or a variant has no layers.
 */
export function variantLayers(variants: readonly VariantSettings[], count: number): number[] {
  return chooseLayers(variants.flatMap(({ layers }) => chooseLayers(layers, count)), count);
}
