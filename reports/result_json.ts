/**
 * `result.json`: what is known of one heatmap. `deno task ground` and the page write it by the
 * one function of this module, so that a reader of one reads the other.
 *
 * @module
 */

import type { Box, CropRegion } from "../base/geometry.ts";

/** How the attention of a heatmap was read and finished; a baseline has none of this. */
export interface ResultSettings {
  /** Number of inversion steps T. */
  readonly steps: number;
  /** Number of timesteps of the trajectory, which T spaces. */
  readonly timesteps: number;
  /** First step that is read. */
  readonly start: number;
  /** One past the last step that is read. */
  readonly end: number;
  /** `start` and `end` together. */
  readonly select: readonly [start: number, end: number];
  /** Cross-attention layers that are averaged, from 0. */
  readonly layers: readonly number[];
  /** Tokens that are averaged, as `--tokens` has them. */
  readonly tokens: string;
  /** Where noisy latents come from, as `--noise` has it. */
  readonly noise: string;
  /** Seed of the noise of a sample. */
  readonly seed: number;
  /** What weights are kept as. */
  readonly weights: string;
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  /** Whether the threshold is Otsu's; a heatmap that is the same everywhere has none. */
  readonly otsu: boolean;
}

/** What a heatmap is made with. */
export interface ResultRecord {
  /** Settings; what is not known of them is left out, and `select` follows from the others. */
  readonly settings?: Partial<ResultSettings>;
  /** Name of a baseline; left out for the diffusion model. */
  readonly method?: string;
  /** What a baseline sees of an X-ray: the sides in pixels that it resizes and crops to. */
  readonly view?: object;
  /**
   * The model: the folder that it was loaded from, and SHA-256 over its weights. In the page the
   * folder's name is all that is known.
   */
  readonly model?: { readonly path?: string; readonly sha256: string };
  /** Versions of Groundray, of the runtime and of Deno where it ran; the GPU, where one did. */
  readonly versions?: Readonly<Record<string, string>>;
  /** The run that a heatmap was taken from, by its folder, where the page shows a run. */
  readonly run?: string;
}

/** A heatmap as it was found. */
export interface FoundHeatmap {
  /** The X-ray: its path as the command was given it, or in the page the name of its file. */
  readonly image: string;
  /** The phrase. */
  readonly phrase: string;
  /** Size of the X-ray in pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** The window or table that made the greys of a DICOM file; left out for other files. */
  readonly grayLevels?: string | undefined;
  /** What the heatmap is cut at, 0..1; left out where it is whole. */
  readonly threshold?: number | undefined;
  /** The box around the mask in pixels of the X-ray; left out where there is no mask. */
  readonly box?: Box | undefined;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: CropRegion;
  /** Side of the heatmap in pixels. */
  readonly heatmapSize: number;
  /**
   * Sentences that whoever reads the heatmap has to know: that the model knows phantoms only, that
   * the phrase was cut. This is the place for more of them.
   */
  readonly notes: readonly string[];
}

/** What `result.json` holds, in this order. */
export interface ResultJson extends Omit<ResultRecord, "settings"> {
  /** The phrase. */
  readonly phrase: string;
  /** Width of the X-ray in pixels. */
  readonly width: number;
  /** Height of the X-ray in pixels. */
  readonly height: number;
  /** The window or table that made the greys of a DICOM file; left out for other files. */
  readonly grayLevels?: string;
  /** What the heatmap is cut at, 0..1; `null` where it is whole. */
  readonly threshold: number | null;
  /** The box around the mask in pixels of the X-ray; `null` where there is no mask. */
  readonly box: Box | null;
  /** The square of the X-ray that the heatmap covers. */
  readonly crop: CropRegion;
  /** Side of the heatmap in pixels. */
  readonly heatmapSize: number;
  /** Sentences to know; left out where there are none. */
  readonly notes?: readonly string[];
  /** The X-ray: its path as the command was given it, or in the page the name of its file. */
  readonly image: string;
  /** How attention was read and finished; left out for a baseline. */
  readonly settings?: Partial<ResultSettings>;
}

/**
 * What `result.json` says.
 *
 * @param found The heatmap.
 * @param record What it is made with.
 */
export function resultJson(found: FoundHeatmap, record: ResultRecord): ResultJson {
  const { image, phrase, size, threshold = null, box = null, crop, heatmapSize, notes } = found;
  const { grayLevels } = found;
  const { settings, ...rest } = record;
  const { start, end } = settings ?? {};
  return {
    phrase,
    width: size.width,
    height: size.height,
    ...(grayLevels && { grayLevels }),
    threshold,
    box,
    crop,
    heatmapSize,
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
