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
   * The dataset says that the phrase applies, maybe without a place. Absent unless the evaluation asks
   * every image for every class: then no such sample is left out because the model does not see its
   * place.
   *
   * @default {false}
   */
  readonly isPresent?: boolean;
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
  /**
   * Split of the sample, if its rows were read with their splits; several are joined by `+`.
   *
   * @default {Left out}
   */
  readonly split?: string;
  /** Words of the phrase that methods by words should read, as stated by the dataset. */
  readonly words?: readonly string[];
  /** Image size in pixels, as stated by the dataset. */
  readonly imageSize?: { readonly width: number; readonly height: number };
  /**
   * Question to a method that reads images, made from another sample; see docs/method.md, "Does it
   * listen?". Absent for a sample of the dataset.
   *
   * - `other-class`: the phrase of another class on the same image.
   * - `other-side`: the phrase with the other side.
   * - `mirrored`: the mirrored image with the mirrored phrase.
   * - `empty`: the empty phrase, read at the tokens of the phrase; for diffusion models alone.
   */
  readonly control?: "other-class" | "other-side" | "mirrored" | "empty";
  /** Notes for the results, such as a box cut at the image's edge. */
  readonly notes?: readonly string[];
}

/** A question beside a sample. */
export type Question = NonNullable<Sample["control"]>;

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
