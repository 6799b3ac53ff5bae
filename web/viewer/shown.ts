/**
 * A phrase's heatmap as the page shows it. The page finishes the heatmap from the layers' means
 * again whenever the Gaussian or the threshold changes, without a model.
 *
 * @module
 */

import { type Box, type CropRegion, type GrayImage, toOriginal } from "../../base/geometry.ts";
import type { Ring } from "../../base/outline.ts";
import { finishGrid } from "../../methods/grid_heatmap.ts";
import { type AveragedLayer, finishHeatmap } from "../../pipeline/postprocess.ts";
import type { Color } from "../../reports/figures/heat_colors.ts";
import type { ResultSettings } from "../../reports/result_json.ts";
import { applyThreshold, maskBox } from "../../shaders/otsu_cpu.ts";

/** A picture's contents: an X-ray, and a phrase's attention if there is any. */
export interface Shown {
  /** Title of the picture: the phrase, or another name. */
  readonly title: string;
  /** The phrase; absent if the title is the phrase or there is no phrase. */
  readonly phrase?: string;
  /** Name of the X-ray, kept with the pixels so that the two always match. */
  readonly image: string;
  /** Scores of the sample, or progress of the run. */
  readonly facts: string;
  /** The X-ray; may be reduced in size. */
  readonly gray: GrayImage;
  /** Size of the X-ray's file in pixels. */
  readonly original: { readonly width: number; readonly height: number };
  /** The square that the heatmap covers, in pixels of the file. */
  readonly crop: CropRegion;
  /** Mean attention of each layer; absent before the first step and without a heatmap. */
  readonly layers?: readonly AveragedLayer[];
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Whether `layers` holds a baseline's own heatmap, which takes no resize or Gaussian. */
  readonly isGrid: boolean;
  /** Ground truth boxes, in pixels of the file. */
  readonly boxes: readonly Box[];
  /** Outline of ground truth masks, in pixels of the file; absent without masks. */
  readonly outline?: readonly Ring[];
  /** Predicted boxes, in pixels of the file; absent without a method that gives boxes. */
  readonly predicted?: readonly Box[];
  /** Settings by which the attention was read, for exports. */
  readonly settings: Partial<ResultSettings>;
  /** Cautions for the heatmap's readers, in sentences. */
  readonly notes: readonly string[];
}

/** Display settings of heatmaps. */
export interface Look {
  readonly opacity: number;
  /** Colours by heat, 0..255. */
  readonly colors: readonly Color[];
  /** Otsu's threshold, or a threshold of 0..1. */
  readonly threshold: "otsu" | number;
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  readonly black: number;
  readonly white: number;
  readonly outline: boolean;
  readonly box: boolean;
  readonly truth: boolean;
}

/** A heatmap before the cut at a threshold. */
export interface Smoothed {
  /** Values 0..1, `[size, size]`. */
  readonly normalised: Float32Array;
  /** Side in pixels. */
  readonly size: number;
  /** Standard deviation of the requested Gaussian, in heatmap pixels. */
  readonly sigma: number;
  /** Otsu's threshold; `undefined` for a constant heatmap or a baseline's. */
  readonly otsu: number | undefined;
}

/** A finished heatmap. */
export interface Finished {
  /** Values 0..1, `[size, size]`; 0 outside the mask. */
  readonly heatmap: Float32Array;
  /** Side in pixels. */
  readonly size: number;
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  /** Threshold of the cut; `undefined` if the heatmap has no cut. */
  readonly threshold: number | undefined;
  /** Whether Otsu's threshold was requested; a constant heatmap has none. */
  readonly isOtsu: boolean;
  /** Box around the mask in pixels of the file; `undefined` without a mask. */
  readonly originalBox: Box | undefined;
}

/** A picture's contents with attention. */
export type Attended = Shown & { readonly layers: readonly AveragedLayer[] };

/** Whether there is attention to make a heatmap from. */
export function isAttended(shown: Shown): shown is Attended {
  return shown.layers !== undefined && shown.layers.length > 0;
}

/** Whether X-ray, title and settings are the same; the number of steps may differ. */
export function isSamePhrase(one: Shown, other: Shown): boolean {
  return one.gray === other.gray && one.title === other.title && one.settings === other.settings;
}

/**
 * Finishes a heatmap up to the cut on the processor. In a baseline's heatmap only negative values
 * change: they become 0.
 *
 * @param sigma Standard deviation of the Gaussian in heatmap pixels, 0..32.
 * @throws {RangeError} If the attention holds values that are not finite.
 */
export function smooth({ layers, isGrid, size }: Attended, sigma: number): Smoothed {
  if (isGrid) {
    const [{ data, side }] = layers as [AveragedLayer];
    const { normalised } = finishGrid({ values: data, side });
    return { normalised, size: side, sigma, otsu: undefined };
  }
  const { normalised, threshold } = finishHeatmap(layers, { size, sigma });
  return { normalised, size, sigma, otsu: threshold };
}

/**
 * Cuts a heatmap at a threshold.
 *
 * @param threshold Otsu's threshold, or a threshold of 0..1. A heatmap without Otsu's threshold
 * gets no cut at `"otsu"`.
 * @param crop The square that the heatmap covers, in pixels of the file.
 */
export function cut(
  { normalised, size, sigma, otsu }: Smoothed,
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
