/**
 * Content of `result.json`, the description of one heatmap. The command `ground` and the page both
 * use {@linkcode resultJson}, so that both write the same format.
 *
 * @module
 */

import type { Box, CropRegion } from "../base/geometry.ts";
import type { FinishSettings } from "../pipeline/postprocess.ts";

/** How the attention of a heatmap was read and finished; baselines have no such settings. */
export interface ResultSettings extends Required<FinishSettings> {
  /** Number of inversion steps T. */
  readonly steps: number;
  /** Number of timesteps of the trajectory; T sets their spacing. */
  readonly timesteps: number;
  /** First averaged step, from 0. */
  readonly start: number;
  /** Step after the last averaged step. */
  readonly end: number;
  /** The pair of `start` and `end`. */
  readonly select: readonly [start: number, end: number];
  /** Averaged cross-attention layers, counted from 0. */
  readonly layers: readonly number[];
  /** Averaged tokens, as a value of `--tokens`. */
  readonly tokens: string;
  /** Source of the noisy latents, as a value of `--noise`. */
  readonly noise: string;
  readonly seed: number;
  /** Number type of the weights in memory, `float32` or `float16`. */
  readonly weights: string;
}

/** Settings, model and versions behind a heatmap. */
export interface ResultRecord {
  /** Known settings; {@linkcode resultJson} derives `select` from `start` and `end`. */
  readonly settings?: Partial<ResultSettings>;
  /** Name of a baseline; left out for the diffusion model. */
  readonly method?: string;
  /** How a baseline sees an X-ray: the sides in pixels after resizing and after cropping. */
  readonly view?: object;
  /**
   * The model: the folder that it was loaded from, and SHA-256 over its weights. A browser reveals
   * only the folder's name to the page.
   */
  readonly model?: { readonly path?: string; readonly sha256: string };
  /** Known versions of Groundray, the runtime and Deno, and the name of the GPU if used. */
  readonly versions?: Readonly<Record<string, string>>;
  /** Folder of the run that the heatmap is from, if the page shows a run. */
  readonly run?: string;
}

/** A heatmap with its image and phrase. */
export interface FoundHeatmap {
  /** The X-ray: its path as given to the command, or its file name in the page. */
  readonly image: string;
  readonly phrase: string;
  /** Size of the X-ray in pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** The window or table that made the greys of a DICOM file; left out for other files. */
  readonly grayLevels?: string | undefined;
  /** Threshold of the heatmap, 0..1; left out if the heatmap is not cut. */
  readonly threshold?: number | undefined;
  /** The box around the mask in pixels of the X-ray; left out if there is no mask. */
  readonly box?: Box | undefined;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: CropRegion;
  /** Side of the heatmap in pixels. */
  readonly heatmapSize: number;
  /**
   * Warnings to the reader of the heatmap, in sentences. Examples are a model that knows only
   * phantoms, and a phrase that was cut.
   */
  readonly notes: readonly string[];
}

/** Members of `result.json` in their order; facts of the heatmap are those of {@linkcode FoundHeatmap}. */
export interface ResultJson extends Omit<ResultRecord, "settings"> {
  readonly phrase: string;
  readonly width: number;
  readonly height: number;
  readonly grayLevels?: string;
  /** `null` if the heatmap is not cut. */
  readonly threshold: number | null;
  /** `null` if there is no mask. */
  readonly box: Box | null;
  readonly crop: CropRegion;
  readonly heatmapSize: number;
  /** Left out if there are none. */
  readonly notes?: readonly string[];
  readonly image: string;
  /** How attention was read and finished; left out for a baseline. */
  readonly settings?: Partial<ResultSettings>;
}

/**
 * Builds the content of `result.json`.
 *
 * @param found The heatmap with its image and phrase.
 * @param record Settings, model and versions behind the heatmap.
 */
export function resultJson(found: FoundHeatmap, record: ResultRecord): ResultJson {
  const { image, phrase, size: { width, height }, threshold = null, box = null } = found;
  const { grayLevels, crop, heatmapSize, notes } = found;
  const { settings, ...rest } = record;
  const { start, end } = settings ?? {};
  return {
    ...{ phrase, width, height },
    ...(grayLevels && { grayLevels }),
    ...{ threshold, box, crop, heatmapSize },
    ...(notes.length > 0 && { notes }),
    image,
    ...(settings && {
      settings: {
        ...settings,
        ...(start !== undefined && end !== undefined && { select: [start, end] as const }),
      },
    }),
    ...rest,
  };
}

/** Predicted boxes with their image and phrase. */
export interface FoundBoxResult
  extends Pick<FoundHeatmap, "image" | "phrase" | "size" | "grayLevels" | "notes"> {
  /** Predicted boxes in pixels of the X-ray; empty if the model names none. */
  readonly boxes: readonly Box[];
  /** Confidence of each box, 0..1; left out if the model states none. */
  readonly confidence?: readonly number[] | undefined;
  /** Further facts about the answer; left out if the model states none. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Builds the content of `result.json` for a method that gives boxes.
 *
 * @param found The boxes with their image and phrase.
 * @param record Method, model and versions behind the boxes.
 */
export function boxesJson(found: FoundBoxResult, record: ResultRecord): Record<string, unknown> {
  const { image, phrase, size: { width, height }, grayLevels, boxes, notes } = found;
  const { confidence, details } = found;
  return {
    ...{ phrase, width, height },
    ...(grayLevels && { grayLevels }),
    boxes,
    ...(confidence && { confidence }),
    ...(notes.length > 0 && { notes }),
    image,
    ...(details && { details }),
    ...record,
  };
}
