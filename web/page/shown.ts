/**
 * A phrase's heatmap as it is shown: finished anew from its layers' means whenever what
 * it is finished with changes, without a model.
 *
 * @module
 */

import type { Box } from "../../datasets/sample.ts";
import { finishGrid } from "../../pipeline/methods/grid_heatmap.ts";
import { toOriginal } from "../../pipeline/otsu.ts";
import { type AveragedLayer, finishHeatmap, type Heatmap } from "../../pipeline/postprocess.ts";
import type { CropRegion, GrayImage } from "../../pipeline/preprocess.ts";
import type { Colour } from "../../reports/heat_colours.ts";
import { maskBox } from "../../shaders/otsu_cpu.ts";

/** What is shown of a phrase. */
export interface Shown {
  /** The phrase, or what else it is called. */
  readonly title: string;
  /** Scores, or how far it is. */
  readonly facts: string;
  /** The X-ray, perhaps smaller than its file. */
  readonly gray: GrayImage;
  /** Size of the X-ray's file in pixels. */
  readonly original: { readonly width: number; readonly height: number };
  /** What the heatmap covers, in pixels of the file. */
  readonly crop: CropRegion;
  /** What the heatmap is made of; absent before the first step and where there is none. */
  readonly layers?: readonly AveragedLayer[];
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Whether the only layer is a baseline's heatmap as it is. */
  readonly isGrid: boolean;
  /** Ground truth, in pixels of the file. */
  readonly boxes: readonly Box[];
  /** How its attention was read, for exports. */
  readonly settings: object;
}

/** How heatmaps are finished and shown. */
export interface Look {
  readonly opacity: number;
  /** By heat in 0..255. */
  readonly colours: readonly Colour[];
  /** Otsu's, or a share of the highest value. */
  readonly threshold: "otsu" | number;
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  readonly black: number;
  readonly white: number;
  readonly outline: boolean;
  readonly box: boolean;
  readonly truth: boolean;
}

/** A heatmap that is finished. */
export interface Finished {
  /** `[size, size]`, 0 outside the mask. */
  readonly heatmap: Float32Array;
  /** Side in pixels. */
  readonly size: number;
  /** The threshold, where there is one. */
  readonly threshold: number | undefined;
  /** The box around the mask in pixels of the file; `undefined` without a mask. */
  readonly originalBox: Box | undefined;
}

/** Finishes a heatmap; `undefined` where there is nothing yet. */
export function finish(
  shown: Shown,
  look: Pick<Look, "sigma" | "threshold">,
): Finished | undefined {
  const { layers, isGrid, crop } = shown;
  if (!layers?.[0]) return undefined;
  const size = isGrid ? layers[0].side : shown.size;
  const otsu = look.threshold === "otsu";
  const made: Heatmap = isGrid
    ? finishGrid({ values: layers[0].data as Float32Array, side: size })
    : finishHeatmap(layers, { size, sigma: look.sigma, otsu });
  let { heatmap, threshold, box } = made;
  if (look.threshold !== "otsu") {
    const limit = threshold = look.threshold;
    heatmap = made.normalised.map((value) => value > limit ? value : 0);
    box = maskBox(heatmap, size, size);
  }
  return { heatmap, size, threshold, originalBox: box && toOriginal(box, size, crop) };
}
