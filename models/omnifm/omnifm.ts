/**
 * OmniFM-DR: an image and an instruction in, a text with coordinates of boxes out.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import type { Box, GrayImage } from "../../base/geometry.ts";
import { quote } from "../../base/text.ts";
import { loadGraph } from "../ldm/load_graph.ts";
import { readValues } from "../runtime/read_values.ts";
import type { OutputTensor, Runtime, Session, Tensor } from "../runtime/runtime.ts";
import { type BoxChoice, boxesOf } from "./answer.ts";
import { type BeamOptions, type Hypothesis, type NextLogits, searchBeams } from "./beam_search.ts";
import type { OmnifmBundle } from "./bundle.ts";
import { CELL, type OmnifmConfig } from "./networks.ts";
import { MAX_TEXT, relativeRows, tokenBucket } from "./positions.ts";
import { preprocess } from "./preprocess.ts";
import { PROMPTS, type PromptStyle } from "./text.ts";

/** Rules of the released code for answers: the demo's, and those of the evaluation in training. */
export const DECODINGS = {
  demo: { beams: 5, minTokens: 1, maxTokens: 200, noRepeat: 3 },
  training: { beams: 5, minTokens: 4, maxTokens: 4 },
} as const satisfies Record<string, BeamOptions>;

/** Options of {@linkcode openOmnifm}. */
export interface OmnifmOptions {
  /**
   * Way to turn an instruction into tokens.
   *
   * @default {"demo"}
   */
  style?: PromptStyle;
  /**
   * The instruction; the phrase replaces `{phrase}` in it.
   *
   * @default {The wording of the style}
   */
  prompt?: string;
  /**
   * Rules of the search for answers.
   *
   * @default {The demo's}
   */
  decoding?: BeamOptions;
  /**
   * Boxes to take from the best answer.
   *
   * @default {"all"}
   */
  boxes?: BoxChoice;
}

/** A hypothesis with its meaning. */
export interface OmnifmHypothesis extends Hypothesis {
  /** The answer as text; coordinates have the form `<bin_7>`. */
  readonly text: string;
  /** Boxes in pixels of the image. */
  readonly boxes: readonly Box[];
}

/** A model that is ready to answer. */
export interface Omnifm {
  /** Embeds an image: `[grid * grid, width]`. */
  embedImage(image: GrayImage): Promise<Float32Array>;
  /**
   * Encodes an image's cells with an instruction.
   *
   * @param cells Result of `embedImage()`.
   * @param tokens Ids of the instruction, start and end included.
   * @param steps Number of the answer's tokens, at most.
   */
  encode(cells: Float32Array, tokens: readonly number[], steps: number): Promise<Source>;
  /**
   * Answers an instruction.
   *
   * @returns Finished hypotheses, best first.
   */
  answer(
    cells: Float32Array,
    tokens: readonly number[],
    decoding: BeamOptions,
    signal?: AbortSignal,
  ): Promise<Hypothesis[]>;
  /** Frees the model's memory. */
  close(): Promise<void>;
}

/** An encoded image with an instruction, as the decoder reads it. */
export interface Source {
  /** `[source, width]`. */
  readonly encoded: OutputTensor;
}
