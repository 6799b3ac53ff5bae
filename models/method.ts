/**
 * The interface of a baseline: it takes an image and phrases, and gives a heatmap per phrase.
 *
 * @module
 */

import type { GrayImage, MethodCrop } from "../base/geometry.ts";
import type { Runtime } from "./runtime/runtime.ts";

/** A heatmap on the method's own grid, which covers the crop that the method sees. */
export interface GridHeatmap {
  /** Row-major `[side, side]`, finite; may be negative. */
  readonly values: Float32Array;
  /** Values along each side. */
  readonly side: number;
}

/** A model that is ready to ground phrases. */
export interface GroundingMethod {
  /** Name in options and results, such as `biovil`. */
  readonly name: string;
  /** The crop that the model sees. */
  readonly view: MethodCrop;
  /** The runtime that runs the model. */
  readonly runtime: Runtime;
  /**
   * Grounds phrases in one image.
   *
   * @returns One heatmap per phrase, in the order of the phrases.
   * @throws {Error} If a phrase cannot be read.
   */
  ground(
    image: GrayImage,
    phrases: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<GridHeatmap[]>;
  /** Notes on how the model reads a phrase, one clause each; absent if it never has notes. */
  notes?(phrase: string): readonly string[];
  /** SHA-256 over the model's weights, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
  /** Frees the model's memory. */
  close(): Promise<void>;
}
