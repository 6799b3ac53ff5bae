/**
 * A phrase's heatmap as it is shown: finished anew from its layers' means whenever what
 * it is finished with changes, without a model.
 *
 * @module
 */

import { type Box, type CropRegion, type GrayImage, toOriginal } from "../../base/geometry.ts";
import { finishGrid } from "../../pipeline/methods/grid_heatmap.ts";
import { type AveragedLayer, finishHeatmap } from "../../pipeline/postprocess.ts";
import type { Colour } from "../../reports/figures/heat_colours.ts";
import type { ResultSettings } from "../../reports/result_json.ts";
import { applyThreshold, maskBox } from "../../shaders/otsu_cpu.ts";

/** What is shown of a phrase. */
export interface Shown {
  /** The phrase, or what else it is called. */
  readonly title: string;
  /** The phrase; absent where there is none. */
  readonly phrase?: string;
  /** What the X-ray is called; it stands beside its pixels so that nothing parts them. */
  readonly image: string;
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
  readonly settings: Partial<ResultSettings>;
  /** Sentences that whoever reads its heatmap has to know. */
  readonly notes: readonly string[];
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

/** A heatmap before it is cut at a threshold. */
export interface Uncut {
  /** Values of 0..1, `[size, size]`. */
  readonly normalised: Float32Array;
  /** Side in pixels. */
  readonly size: number;
  /** Standard deviation of the Gaussian that it was smoothed with, in its pixels. */
  readonly sigma: number;
  /** Otsu's threshold; `undefined` where none is to be taken. */
  readonly otsu: number | undefined;
}

/** A heatmap that is finished. */
export interface Finished {
  /** `[size, size]`, 0 outside the mask. */
  readonly heatmap: Float32Array;
  /** Side in pixels. */
  readonly size: number;
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  /** The threshold, where there is one. */
  readonly threshold: number | undefined;
  /** Whether it is Otsu's, or would be if a constant heatmap had one. */
  readonly isOtsu: boolean;
  /** The box around the mask in pixels of the file; `undefined` without a mask. */
  readonly originalBox: Box | undefined;
}

/** A phrase whose attention is there. */
export type Attended = Shown & { readonly layers: readonly AveragedLayer[] };

/** Whether there is attention to make a heatmap of. */
export function isAttended(shown: Shown): shown is Attended {
  return shown.layers !== undefined && shown.layers.length > 0;
}

/** Whether both are of one phrase and one way to read attention, perhaps after other steps. */
export function isSamePhrase(one: Shown, other: Shown): boolean {
  return one.gray === other.gray && one.title === other.title && one.settings === other.settings;
}

/**
 * Finishes a heatmap up to the cut on the processor. A baseline's grid stays as it is.
 *
 * @param sigma Standard deviation of the Gaussian in heatmap pixels, 0..32.
 * @throws {RangeError} If attention is not finite.
 */
export function uncut({ layers, isGrid, size }: Attended, sigma: number): Uncut {
  if (isGrid) {
    const [{ data, side }] = layers as [AveragedLayer];
    const { normalised } = finishGrid({ values: data, side });
    return { normalised, size: side, sigma, otsu: undefined };
  }
  const { normalised, threshold } = finishHeatmap(layers, { size, sigma });
  return { normalised, size, sigma, otsu: threshold };
}

/**
 * Cuts a heatmap.
 *
 * @param threshold Otsu's, or a share of the highest value; nothing is cut by Otsu's where
 * there is none.
 * @param crop What the heatmap covers, in pixels of the file.
 */
export function cut(
  { normalised, size, sigma, otsu }: Uncut,
  threshold: Look["threshold"],
  crop: CropRegion,
): Finished {
  const isOtsu = threshold === "otsu";
  const limit = threshold === "otsu" ? otsu : threshold;
  if (limit === undefined) {
    return { heatmap: normalised, size, sigma, threshold: limit, isOtsu, originalBox: undefined };
  }
  const heatmap = applyThreshold(normalised, limit);
  const box = maskBox(heatmap, size, size);
  return {
    heatmap,
    size,
    sigma,
    threshold: limit,
    isOtsu,
    originalBox: box && toOriginal(box, size, crop),
  };
}
