/**
 * The interface of a method: images with phrases in, heatmaps or boxes out.
 *
 * @module
 */

import type { Box, Size, View } from "../base/geometry.ts";
import type { Sample } from "../datasets/sample.ts";
import type { AllScores, ProtocolChoice } from "../scoring/protocols.ts";
import type { DecodedImage, DecodeOptions, ImageRequest } from "./decode.ts";
import type { Flow } from "./flow.ts";
import type { AveragedLayer, Heatmap } from "./postprocess.ts";
import type { Variant } from "./settings/variants.ts";

/** A sample with its heatmap. */
export interface GroundedPhrase extends Heatmap {
  /** The image, and the part of it that the heatmap covers. */
  readonly image: DecodedImage;
  /** The phrase. */
  readonly sample: Sample;
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Mean attention of each layer before the resize, or a method's own grid as a single layer. */
  readonly layers: readonly AveragedLayer[];
  /**
   * Part that a method's own grid covers; such a grid needs no finishing. Absent if the layers are
   * attention, which covers the centre square.
   */
  readonly view?: View;
  /**
   * Lowest and highest value of the map before it was scaled; absent if the layers have the method's
   * own scale.
   */
  readonly range?: readonly [lowest: number, highest: number];
  /** Variant of the settings; absent if the method has no variants. */
  readonly variant?: Variant;
  /**
   * Attention that the run keeps beside the heatmap: each layer's mean over a group of steps, with
   * the layers of a group in a row. Absent unless the method keeps attention, and on all variants of
   * a phrase but the first.
   */
  readonly kept?: readonly AveragedLayer[];
  /** Box around the mask in pixels of the original image; `undefined` without a mask. */
  readonly originalBox: Box | undefined;
  /** Absent if the sample has no ground truth to score against. */
  readonly scores?: AllScores;
  /**
   * Scores of a phrase with nothing to find, or whose place is not known, by the protocols that count
   * it; absent if the sample is no such phrase.
   */
  readonly negative?: Pick<AllScores, "protocols">;
}

/** A sample with its predicted boxes. */
export interface BoxedPhrase {
  /** The phrase. */
  readonly sample: Sample;
  /** Predicted boxes in pixels of the image; empty if nothing was predicted. */
  readonly predicted: readonly Box[];
  /** Confidence of each predicted box, 0..1; absent if the method states none. */
  readonly confidence?: readonly number[];
  /** Further facts about the answer, such as other hypotheses, for the files of results. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** CNR and AUC are NaN. Absent if the sample has no ground truth to score against. */
  readonly scores?: AllScores;
  /** Size of the image, with scores by protocols that take boxes. */
  readonly imageSize?: Size;
  /** As of {@linkcode GroundedPhrase}. */
  readonly negative?: Pick<AllScores, "protocols">;
}

/** Options of {@linkcode Method.ground}. */
export interface MethodOptions extends ProtocolChoice, Omit<DecodeOptions, "view"> {
  /**
   * Ids of finished samples that run again, because other phrases of their image are unfinished.
   * Their results do not count as progress.
   *
   * @default {None}
   */
  done?: ReadonlySet<string>;
  /**
   * Called with the number of finished samples; the number may have a fraction for the current
   * image.
   *
   * @default {undefined}
   */
  onProgress?: (done: number) => void;
  /**
   * Receives a sentence if the method goes on in another way, for example because a GPU was lost.
   *
   * @default {undefined}
   */
  onNotice?: (notice: string) => void;
}

/** Time that a run will take on this machine. */
export interface Expectation {
  /** Seconds of the run. */
  readonly seconds: number;
  /** Seconds of one pass of the network, as measured. */
  readonly pass: number;
  /** Settings that take less time. */
  readonly faster: readonly {
    /** Options of the settings. */
    readonly options: string;
    /** Seconds of the run with these options. */
    readonly seconds: number;
    /** Correlation of the heatmaps with the exact heatmaps, measured with the bundled model. */
    readonly correlation: number;
  }[];
}

/** A method that is open and ready to ground phrases. */
export interface Method {
  /**
   * Grounds and scores images with their phrases, in any order within an image. Every sample gives
   * one result, or one per variant, or the reason why it dropped out. An error of the model
   * or its runtime throws.
   *
   * @param source Images with their phrases, and samples that dropped out before. An image may be a
   * path, bytes or pixels: the stage {@linkcode decode} takes all three.
   */
  ground(
    source: AsyncIterable<Flow<ImageRequest>>,
    options?: MethodOptions,
  ): AsyncIterable<Flow<GroundedPhrase | BoxedPhrase>>;
  /**
   * An evaluation by this method alone keeps the order of the method's results, one per variant. By
   * default results have the order of the dataset, one per sample.
   */
  readonly keepsOwnOrder?: boolean;
  /**
   * Measures a pass of the network, and says how long a run will take. Absent if a phrase
   * takes seconds at most.
   *
   * @param images Number of images, at most.
   * @param phrases Number of phrases in all.
   */
  expect?(images: number, phrases: number): Promise<Expectation>;
  /** Frees the method's memory. */
  close(): Promise<void>;
}
