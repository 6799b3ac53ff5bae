import type { Box, GrayImage } from "../base/geometry.ts";

/** A model's answer to a phrase. */
export interface FoundBoxes {
  /** Boxes in pixels of the image, none of them outside it; empty if the model names no box. */
  readonly boxes: readonly Box[];
  /** Confidence of each box, 0..1; absent if the model states none. */
  readonly confidence?: readonly number[];
  /** Notes on this answer, one clause each. */
  readonly notes?: readonly string[];
  /** Further facts about the answer for the files of results, such as the other hypotheses. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A model that is ready to ground phrases by boxes. */
export interface BoxModel {
  /**
   * Each phrase takes so long that it should have a call of its own.
   *
   * @default {false}
   */
  readonly oneByOne?: boolean;
  /**
   * Grounds phrases in one image.
   *
   * @returns An answer for each phrase, in the order of the phrases.
   * @throws {InputError} If the image or a phrase cannot be read.
   * @throws {Error} If the model or its runtime fails.
   */
  ground(
    image: GrayImage,
    phrases: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<FoundBoxes[]>;
  /** Notes on how the model reads a phrase, one clause each; absent if it never has notes. */
  notes?(phrase: string): readonly string[];
  /** Frees the model's memory; absent if it holds none. */
  close?(): Promise<void>;
}
