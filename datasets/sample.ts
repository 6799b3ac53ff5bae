/**
 * Samples of a dataset, and failures: rows that could not become a sample.
 *
 * @module
 */

import type { Box } from "../base/geometry.ts";
import type { TruthMask } from "../base/truth_mask.ts";

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

/** One phrase of one image, with boxes where the phrase applies. */
export interface Sample {
  /** Identifier, unique within the dataset and the same in every run. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index?: number;
  /** Path of the image file. */
  readonly image: string;
  /** The phrase to ground, as written in the dataset. */
  readonly phrase: string;
  /** Ground truth in dataset order, which affects CNR; empty if the dataset gives no box. */
  readonly boxes: readonly Box[];
  /**
   * Boxes of a second reader, in the unit of `boxes`. They are no ground truth: the readers are
   * compared with one another.
   *
   * @default {None}
   */
  readonly otherBoxes?: readonly Box[];
  /**
   * Ground truth as masks in place of boxes; the region is their union. A sample has boxes or
   * masks, never both.
   *
   * @default {None}
   */
  readonly masks?: readonly TruthMask[];
  /**
   * The phrase says that there is nothing to find, such as "No pleural effusion."; it has neither
   * boxes nor masks.
   *
   * @default {false}
   */
  readonly isNegative?: boolean;
  /**
   * Unit of the boxes: pixels of the image, or shares of its width and height. Shares become
   * pixels after the image is read.
   *
   * @default {"pixel"}
   */
  readonly boxUnit?: "pixel" | "image";
  /** Class under which the sample is averaged; one of {@linkcode CLASSES} in MS-CXR. */
  readonly category?: string;
  /** Group of classes under which the sample is averaged too, such as `Anatomy`. */
  readonly group?: string;
  /** Number of the phrase among the wordings of its class, from 1; absent without a choice. */
  readonly wording?: number;
  /** Patient of the image, if a column of the dataset states it. */
  readonly patient?: string;
  /** Words of the phrase that methods by words should read, as stated by the dataset. */
  readonly words?: readonly string[];
  /** Image size in pixels, as stated by the dataset. */
  readonly imageSize?: { readonly width: number; readonly height: number };
  /** Notes for the results, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A row or annotation that could not become a {@linkcode Sample}. */
export interface RowFailure {
  /** Place of the row, such as `rows.csv:17`. */
  readonly id: string;
  /** Position in the dataset, from 0. */
  readonly index?: number;
  /** One sentence that names the fault and the expected form. */
  readonly reason: string;
  /** Image of the row, if stated. */
  readonly image?: string;
  /** Phrase of the row, if stated. */
  readonly phrase?: string;
  /** Class of the row, if stated. */
  readonly category?: string;
}

/** Item of a dataset: a sample, or the failure of a row that gives no sample. */
export type DatasetItem =
  | { readonly kind: "sample"; readonly sample: Sample }
  | { readonly kind: "failure"; readonly failure: RowFailure };
