import type { GrayImage, View } from "../base/geometry.ts";

/** A heatmap on the model's own grid, which covers the part that the model sees. */
export interface GridHeatmap {
  /** Row-major `[side, side]`, finite; may be negative. */
  readonly values: Float32Array;
  /** Values along each side. */
  readonly side: number;
}

/** A model that is ready to ground phrases. */
export interface GridModel {
  /** The part of the image that the model sees. */
  readonly view: View;
  /**
   * Grounds phrases in one image.
   *
   * @returns One heatmap per phrase, in the order of the phrases.
   * @throws {InputError} If the image or a phrase cannot be read.
   * @throws {Error} If the model or its runtime fails.
   */
  ground(
    image: GrayImage,
    phrases: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<GridHeatmap[]>;
  /** Notes on how the model reads a phrase, one clause each; absent if it never has notes. */
  notes?(phrase: string): readonly string[];
  /** Frees the model's memory; absent if it holds none. */
  close?(): Promise<void>;
}
