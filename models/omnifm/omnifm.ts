/**
 * OmniFM-DR: an image and an instruction in, a text with coordinates of boxes out.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import type { Box, GrayImage } from "../../base/geometry.ts";
import { quote } from "../../base/text.ts";
import type { BoxModel } from "../box_model.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type BoxChoice, boxesOf } from "./answer.ts";
import { type BeamOptions, type Hypothesis, searchBeams } from "./beam_search.ts";
import type { OmnifmBundle } from "./bundle.ts";
import { MAX_TEXT } from "./positions.ts";
import { openSessions } from "./sessions.ts";
import { PROMPTS, type PromptStyle } from "./text.ts";

/** Rules of the released code for answers: in the demo, and in the evaluation during training. */
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
   * @default {Rules of the demo}
   */
  decoding?: BeamOptions;
  /**
   * Boxes to take from an answer.
   *
   * @default {"all"}
   */
  boxes?: BoxChoice;
}

/** A finished answer with its meaning. */
export interface OmnifmAnswer extends Hypothesis {
  /** The answer as text; coordinates have the form `<bin_7>`. */
  readonly text: string;
  /** Boxes in pixels of the image. */
  readonly boxes: readonly Box[];
}

/** A model that is ready to answer. */
export interface Omnifm extends BoxModel {
  /**
   * Answers a phrase about an image with all finished hypotheses, best first; at least one.
   *
   * @throws {RangeError} If the model's scores are not finite, as weights that are not finite make them.
   */
  answer(image: GrayImage, phrase: string, signal?: AbortSignal): Promise<OmnifmAnswer[]>;
  close(): Promise<void>;
}

/**
 * Loads OmniFM-DR into a runtime.
 *
 * @param bundle The model's files.
 * @param runtime Runtime for the model; closing the model leaves its GPU open.
 * @throws {RangeError} If the runtime cannot hold the model, or the model has too few positions for
 * the answers.
 *
 * @example Usage
 * ```ts ignore
 * import { openRuntime } from "../runtime/open_runtime.ts";
 * import { loadOmnifm } from "./bundle.ts";
 * import { openOmnifm } from "./omnifm.ts";
 *
 * const model = await openOmnifm(await loadOmnifm("omnifm-dr"), await openRuntime("native"));
 * const image = { width: 640, height: 512, data: new Uint8Array(640 * 512) };
 * const [found] = await model.ground(image, ["pneumothorax"]);
 * console.log(found!.boxes);
 * await model.close();
 * ```
 */
export async function openOmnifm(
  bundle: OmnifmBundle,
  runtime: Runtime,
  options: OmnifmOptions = {},
): Promise<Omnifm> {
  const { config, texts, bins, checkpoint } = bundle;
  const { style = "demo", decoding = DECODINGS.demo, boxes: choice = "all" } = options;
  const prompt = options.prompt ?? PROMPTS[style];
  const [longestText, longestAnswer] = [config.sourcePositions, config.targetPositions]
    .map((rows) => Math.min(rows, MAX_TEXT)) as [number, number];
  if (decoding.maxTokens >= longestAnswer) {
    throw new InputRangeError(
      `Cannot decode answers of ${decoding.maxTokens} tokens: "${checkpoint.path}" has positions ` +
        `for ${longestAnswer - 1}`,
    );
  }
  const sessions = await openSessions(bundle, runtime);
  const cells = new WeakMap<GrayImage, Float32Array>();

  const encode = (phrase: string): number[] => {
    const tokens = texts.encode(phrase, prompt, style);
    if (tokens.length <= longestText) return tokens;
    throw new InputRangeError(
      `Cannot read phrase ${quote(phrase)}: its instruction has ${tokens.length} tokens, and ` +
        `OmniFM-DR takes ${longestText}`,
    );
  };
  const embed = async (image: GrayImage) => {
    const known = cells.get(image);
    if (known) return known;
    const made = await sessions.embedImage(image);
    cells.set(image, made);
    return made;
  };
  const answer = async (image: GrayImage, phrase: string, signal?: AbortSignal) => {
    const tokens = encode(phrase);
    const embedded = await embed(image);
    signal?.throwIfAborted();
    const decoder = await sessions.decode(embedded, tokens, decoding.maxTokens + 1);
    try {
      const found = await searchBeams((...beams) => {
        signal?.throwIfAborted();
        return decoder.next(...beams);
      }, decoding);
      const coordinates = { firstBin: texts.firstBin, bins };
      return found.map((hypothesis) => ({
        ...hypothesis,
        text: texts.decode(hypothesis.tokens),
        boxes: boxesOf(hypothesis.tokens, coordinates, image, choice),
      }));
    } finally {
      decoder.release();
    }
  };
  return {
    answer,
    // A phrase takes the published model half a minute on 2 cores.
    oneByOne: true,
    async ground(image, phrases, { signal } = {}) {
      phrases.forEach(encode);
      const all = [];
      for (const phrase of phrases) {
        const hypotheses = await answer(image, phrase, signal);
        const { boxes, text } = hypotheses[0]!;
        all.push({
          boxes,
          notes: boxes.length > 0 ? [] : [`the answer ${quote(text)} has no box`],
          details: { hypotheses },
        });
      }
      return all;
    },
    notes: (phrase) => texts.notes(phrase, prompt, style),
    close: () => sessions.close(),
  };
}
