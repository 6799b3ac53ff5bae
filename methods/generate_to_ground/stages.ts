/**
 * The stages of Generate to Ground: attention on an image that is noised afresh at each step.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import { preprocessAntialiased } from "../../images/antialias.ts";
import type { LdmModel } from "../../models/ldm/model.ts";
import type { EncodedPhrase } from "../../models/tokenizer.ts";
import type { DecodedImage } from "../../pipeline/decode.ts";
import { failed, flatMapFlow, type Flow, item } from "../../pipeline/flow.ts";
import {
  choiceNotes,
  chooseWords,
  type ChosenWords,
  type WordChoice,
} from "../../pipeline/settings/words.ts";
import { scaleExactly } from "../../shaders/aggregate_cpu.ts";
import { readMaps } from "../generate.ts";
import type { PassOptions, PhraseStages } from "../phrase_method.ts";
import { mapSide, mergeBiases, scaleHalf, toLevels } from "./maps.ts";
import { LayerSums, type Means, type TextMaps } from "./sums.ts";
import { generatePasses, inLayerOrder, TextAttention, tokenMean } from "./text_attention.ts";

/** Settings of Generate to Ground. */
export interface GenerateToGroundSettings {
  /** Number of timesteps; the last four fifths are averaged, which is 40 of 50. */
  readonly steps: number;
  /** The biases of image and text are merged into the map. */
  readonly bbm: boolean;
  /** Words that are averaged: of each its first token, or all tokens with `class`. */
  readonly words: WordChoice;
  /** Seed of all noise. */
  readonly seed: number;
  /** Folder for the attention in images made from phrases; absent for none. */
  readonly cache?: string;
}

/** Sources of standard normal numbers, a latent's worth each. */
export interface Draws {
  /** Noise of a step: of the autoencoder's distribution, and of the schedule. */
  step(step: number): { readonly posterior: Float32Array; readonly noise: Float32Array };
  /** Noise that an image is made from. */
  start(): Float32Array;
}

/** An image with its noisy latents. */
export interface NoisedImage extends DecodedImage {
  /** Noisy latents from the noisiest step on, `[channels, side, side]` each. */
  readonly noised: readonly Float32Array[];
}

/** Share of the steps that are averaged: 40 of 50. */
const SHARE = 0.8;

/** Number of steps that are averaged. */
export function readSteps(steps: number): number {
  return Math.max(1, Math.round(SHARE * steps));
}

/**
 * Makes the stages.
 *
 * @param model A model that reads all layers, with sums over tokens.
 * @param settings Steps, words, bias merging and seed.
 * @param draws The noise; by default it follows from the seed.
 * @throws {RangeError} If the number of steps is out of its range, or layers do not fit each other.
 */
export function generateToGroundStages(
  model: LdmModel,
  settings: GenerateToGroundSettings,
  draws: Draws = seededDraws(model.latentLength, settings.seed),
): PhraseStages<NoisedImage> {
  const { steps, bbm, words } = settings;
  const { bundle: { tokenizer, config: { imageSize }, text: { kind } } } = model;
  const timesteps = model.scheduler.samplingTimesteps(steps);
  const sides = model.bundle.crossAttentionSides;
  mapSide(sides);
  const read = steps - readSteps(steps);
  const first = bbm ? 0 : read;
  const texts = new TextAttention(model, sides, settings, () => draws.start());

  /** Runs the U-Net on the noised latents, and averages the attention. */
  const attend = async (
    { noised }: NoisedImage,
    phrase: EncodedPhrase,
    groups: readonly (readonly number[])[],
    text: TextMaps | undefined,
    { signal, onPass }: PassOptions,
  ): Promise<Means> => {
    const all = text ? [...groups, [0]] : groups;
    const columns = all.map((tokens) => tokenMean(tokens, phrase.ids.length));
    const sums = new LayerSums(sides, groups.length, steps, read, text);
    for (let step = first; step < steps; step += model.batch) {
      signal?.throwIfAborted();
      const some = [step, Math.min(step + model.batch, steps)] as const;
      const maps = await model.attend(
        noised.slice(...some),
        timesteps.slice(...some),
        await model.condition(phrase),
        columns,
      );
      const count = some[1] - some[0];
      const values = await readMaps(model, maps, count);
      for (const map of maps) map.release();
      onPass(count);
      for (let at = 0; at < count; at++) {
        const own = values.map((values) => {
          const length = values.length / count;
          return values.subarray(at * length, (at + 1) * length);
        });
        inLayerOrder(maps, own).forEach((map, layer) => sums.add(layer, step + at, map));
      }
    }
    return sums.means();
  };

  return {
    model,
    passes: {
      image: { whole: 0, cut: 0 },
      phrase: { whole: bbm ? generatePasses(steps) : 0, cut: steps - first },
    },
    prepare: (source, options) =>
      flatMapFlow(source, "encode", async function* (image): AsyncIterable<Flow<NoisedImage>> {
        let pixels: Float32Array;
        try {
          pixels = preprocessAntialiased(image.gray, imageSize);
        } catch (error) {
          for (const sample of image.samples) yield failed("decode", sample, error);
          return;
        }
        yield item({ ...image, noised: await noiseLatents(model, pixels, timesteps, draws) });
      }, options),
    ground: async (image, sample, options) => {
      // The released code hides a phrase's padding from BERT; CLIP has no such mask.
      const encoded = tokenizer.encode(sample.phrase);
      const phrase = kind === "bert" ? { ...encoded, masked: true } : encoded;
      const chosen = chooseWords(tokenizer, sample, words);
      const groups = tokenGroups(chosen, words);
      const text = bbm ? await texts.of(phrase, groups[0]!, options) : undefined;
      const means = await attend(image, phrase, groups, text, options);
      let values = finishMeans(means);
      if (sample.control === "empty") {
        // The contrast is of maps before their scaling.
        const none = { ...phrase, ...tokenizer.encode("") };
        const { words: empty } = await attend(image, none, groups, undefined, options);
        values = means.words.at(-1)!.map((value, i) => value - empty.at(-1)![i]!);
      }
      return { values, side: Math.sqrt(values.length), notes: choiceNotes(chosen, words) };
    },
  };
}

/** Draws a latent from the image's distribution for each timestep, and adds noise to it. */
async function noiseLatents(
  model: LdmModel,
  pixels: Float32Array,
  timesteps: readonly number[],
  draws: Draws,
): Promise<Float32Array[]> {
  const { mean, logVariance } = await model.encodePosterior(pixels);
  const { scaleFactor } = model.bundle.config;
  return timesteps.map((timestep, step) => {
    const { posterior, noise } = draws.step(step);
    const [signal, share] = model.scheduler.noiseFactors(timestep);
    return mean.map((value, i) => {
      const drawn = value + Math.exp(logVariance[i]! / 2) * posterior[i]!;
      return signal * scaleFactor * drawn + share * noise[i]!;
    });
  });
}

/** Distance between the seeds of two steps; larger than any seed in practice. */
const SEED_STRIDE = 1_000_003;

/**
 * Noise from a seed, the same for each image and phrase. The released code seeds only the noise that
 * images are made from, once for eight phrases.
 */
function seededDraws(length: number, seed: number): Draws {
  const draw = (random: Random) => Float32Array.from({ length }, () => random.normal());
  return {
    step(step) {
      const random = new Random(seed + (step + 1) * SEED_STRIDE);
      return { posterior: draw(random), noise: draw(random) };
    },
    start: () => draw(new Random(seed)),
  };
}

/** Tokens of the words: all first tokens together, or the tokens of each word of a class. */
function tokenGroups({ words, areAll }: ChosenWords, choice: WordChoice): readonly number[][] {
  if (choice !== "class") return [words.map(({ tokens }) => tokens[0]!)];
  return areAll ? [words.flatMap(({ tokens }) => tokens)] : words.map(({ tokens }) => [...tokens]);
}

/** The map of the means, 0..1. */
function finishMeans({ words, biases }: Means): Float32Array {
  const last = words.at(-1)!;
  if (biases) {
    const [image, text, product] = [biases.image, biases.text, biases.product].map(toLevels);
    return scaleExactly(
      mergeBiases({ mean: last, image: image!, text: text!, product: product! }).map,
    );
  }
  const scaled = scaleHalf(last);
  if (words.length === 1) return scaled;
  // As released: the mean of each word's unscaled map and of the last word's scaled map.
  return scaleExactly(scaled.map((value, i) => words.reduce((sum, map) => sum + map[i]!, value)));
}
