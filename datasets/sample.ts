/**
 * What every dataset yields: samples, and rows that could not become one.
 *
 * @module
 */

import type { Box } from "../base/geometry.ts";

/** The eight classes of MS-CXR, in the column order of the paper's Table I. */
export const CLASSES = [
  "Pneumonia",
  "Pneumothorax",
  "Consolidation",
  "Atelectasis",
  "Edema",
  "Cardiomegaly",
  "Lung Opacity",
  "Pleural Effusion",
] as const;

/** One of {@linkcode CLASSES}. */
export type Category = typeof CLASSES[number];

/** One phrase of one image, with the boxes where it applies. */
export interface Sample {
  /** Unique within its dataset and stable from run to run. */
  readonly id: string;
  /** Position in its dataset, from 0. */
  readonly index?: number;
  /** Path of the image file. */
  readonly image: string;
  /** The phrase to ground, as written in the dataset. */
  readonly phrase: string;
  /** Ground truth, in dataset order (the order matters to CNR); empty where there is none. */
  readonly boxes: readonly Box[];
  /**
   * What the boxes are in: pixels of the image, or shares of its width and height, of which
   * pixels are made once the image is read.
   *
   * @default {"pixel"}
   */
  readonly boxUnit?: "pixel" | "image";
  /** Class that the sample is averaged under, one of {@linkcode CLASSES} in MS-CXR. */
  readonly category?: string;
  /** Size of the image as the dataset states it, in pixels. */
  readonly imageSize?: { readonly width: number; readonly height: number };
  /** Facts worth a line in the results, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A row or annotation that could not become a {@linkcode Sample}. */
export interface RowFailure {
  /** Names the row, such as `rows.csv:17`. */
  readonly id: string;
  /** Position in its dataset, from 0. */
  readonly index?: number;
  /** One sentence: what is wrong and what was expected. */
  readonly reason: string;
  /** The image that the row speaks of, where it says. */
  readonly image?: string;
  /** The phrase that the row speaks of, where it says. */
  readonly phrase?: string;
  /** The class of the row, where it says. */
  readonly category?: string;
}

/** What a dataset yields for each row: a sample, or why there is none. */
export type DatasetItem =
  | { readonly kind: "sample"; readonly sample: Sample }
  | { readonly kind: "failure"; readonly failure: RowFailure };
