/**
 * What a baseline offers: an image and phrases in, heatmaps of what it sees out.
 *
 * @module
 */

import type { GrayImage, MethodCrop } from "../base/geometry.ts";
import type { Runtime } from "./runtime/runtime.ts";

/** A heatmap on the method's own grid, which covers what it sees of the image. */
export interface GridHeatmap {
  /** Row-major `[side, side]`, finite; may be negative. */
  readonly values: Float32Array;
  /** Values along each side. */
  readonly side: number;
}

/** A model that is ready to ground phrases. */
export interface GroundingMethod {
  /** Its name in options, results and tables, such as `biovil`. */
  readonly name: string;
  /** What it sees of an image. */
  readonly view: MethodCrop;
  /** What runs it. */
  readonly runtime: Runtime;
  /**
   * Grounds phrases in one image.
   *
   * @returns One heatmap a phrase, in order.
   * @throws {Error} If a phrase cannot be read.
   */
  ground(
    image: GrayImage,
    phrases: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<GridHeatmap[]>;
  /** What is to be known of how it reads a phrase, a clause each; absent where it never says. */
  notes?(phrase: string): readonly string[];
  /** SHA-256 over its weights, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
  /** Frees its memory. */
  close(): Promise<void>;
}
