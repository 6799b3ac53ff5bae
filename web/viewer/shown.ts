import {
  type Box,
  type CropRegion,
  type GrayImage,
  type Size,
  toOriginal,
} from "../../base/geometry.ts";
import type { DicomReference } from "../../images/dicom/reference.ts";
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
  /** The X-ray; may be reduced in size. Its spacing is the spacing of the file's pixels. */
  readonly gray: GrayImage;
  /** Size of the X-ray's file in pixels. */
  readonly original: Size;
  /** The square that the heatmap covers, in pixels of the file. */
  readonly crop: CropRegion;
  /** Mean attention of each layer; absent before the first step and without a heatmap. */
  readonly layers?: readonly AveragedLayer[];
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** `layers` holds a finished heatmap without a Gaussian, as of a baseline or a report. */
  readonly isGrid: boolean;
  /** Automatic threshold in place of Otsu's: the run's own, or `false` if the run did not cut. */
  readonly cutAt?: number | false;
  /** The run's own mask in a report, `[size, size]` of 0 and 1; it stands for the automatic cut. */
  readonly scored?: Uint8Array;
  /** The DICOM file behind the X-ray, to which a segmentation refers. */
  readonly reference?: DicomReference;
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
  /** Levels of 0..255 that are painted black and white; `invert` swaps both colours. */
  readonly black: number;
  readonly white: number;
  readonly invert: boolean;
  /** Whether heat, outline, boxes and ground truth are painted at all. */
  readonly overlay: boolean;
  readonly outline: boolean;
  /** Whether a box with its mean heat is painted around each part of the mask. */
  readonly box: boolean;
  readonly truth: boolean;
}

/**
 * A heatmap before the cut at a threshold. The page makes it again from the layers' means whenever
 * the Gaussian changes, without a model.
 */
export interface Smoothed {
  /** Values 0..1, `[size, size]`, with the side in pixels. */
  readonly normalised: Float32Array;
  readonly size: number;
  /** Standard deviation of the requested Gaussian, in heatmap pixels. */
  readonly sigma: number;
  /** Otsu's threshold; `undefined` for a constant heatmap or a baseline's. */
  readonly otsu: number | undefined;
}

/** A finished heatmap. */
export interface Finished extends Omit<Smoothed, "otsu"> {
  /** Values 0..1, `[size, size]`; 0 outside the mask. */
  readonly heatmap: Float32Array;
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
export function smooth({ layers, isGrid, size, scored }: Attended, sigma: number): Smoothed {
  if (isGrid) {
    const [{ data, side }] = layers as [AveragedLayer];
    const { normalised } = finishGrid({ values: data, side });
    return scored
      ? { normalised: enlarge(normalised, side, size), size, sigma, otsu: undefined }
      : { normalised, size: side, sigma, otsu: undefined };
  }
  const { normalised, threshold } = finishHeatmap(layers, { size, sigma });
  return { normalised, size, sigma, otsu: threshold };
}

/**
 * Cuts a heatmap at a threshold.
 *
 * @param threshold A threshold of 0..1, or `"otsu"` for the automatic one: the phrase's own, else
 * Otsu's. A heatmap without either gets no cut.
 * @param phrase The heatmap's phrase.
 */
export function cut(
  { normalised, size, sigma, otsu }: Smoothed,
  threshold: Look["threshold"],
  { crop, cutAt, scored }: Pick<Shown, "crop" | "cutAt" | "scored">,
): Finished {
  const isAutomatic = threshold === "otsu";
  const limit = (isAutomatic ? cutAt ?? otsu : threshold) ?? false;
  const mask = isAutomatic ? scored : undefined;
  const heatmap = mask
    ? normalised.map((value, i) => mask[i] ? Math.max(value, LEAST) : 0)
    : limit === false
    ? normalised
    : applyThreshold(normalised, limit);
  const box = heatmap === normalised ? undefined : maskBox(heatmap, size, size);
  return {
    ...{ heatmap, normalised, size, sigma },
    threshold: limit === false ? undefined : limit,
    isOtsu: isAutomatic && cutAt === undefined,
    originalBox: box && toOriginal(box, size, crop),
  };
}

/** Heat of a pixel in a report's mask, if the report's levels round the heat to 0. */
const LEAST = 1e-6;

/** Enlarges a map by linear interpolation between the middles of its cells. */
function enlarge(values: Float32Array, side: number, size: number): Float32Array {
  const places = Array.from({ length: size }, (_, i) => {
    const at = Math.max(0, Math.min(side - 1, (i + 0.5) * side / size - 0.5));
    const low = Math.floor(at);
    return { low, high: Math.min(side - 1, low + 1), share: at - low };
  });
  const enlarged = new Float32Array(size * size);
  places.forEach(({ low: top, high: bottom, share: down }, y) =>
    places.forEach(({ low, high, share }, x) => {
      const row = (y: number) =>
        values[y * side + low]! * (1 - share) + values[y * side + high]! * share;
      enlarged[y * size + x] = row(top) * (1 - down) + row(bottom) * down;
    })
  );
  return enlarged;
}
