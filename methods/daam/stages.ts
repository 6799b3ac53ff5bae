/**
 * The stages of DAAM on a given image: attention of each head at every noisy latent.
 *
 * @module
 */

import { downsampling } from "../../models/ldm/autoencoder.ts";
import type { LdmModel } from "../../models/ldm/model.ts";
import { encode } from "../../pipeline/encode.ts";
import {
  cachedNoise,
  collectNoise,
  noise,
  noisePasses,
  type NoisyImage,
} from "../../pipeline/noise.ts";
import { type GroundSettings, resolveSettings } from "../../pipeline/settings/settings.ts";
import { choiceNotes, chooseWords, type WordChoice } from "../../pipeline/settings/words.ts";
import { scaleExactly } from "../../shaders/aggregate_cpu.ts";
import { readMaps } from "../generate.ts";
import type { PhraseStages } from "../phrase_method.ts";
import { HeadSums } from "./sums.ts";

/** Settings of DAAM. */
export interface DaamSettings extends Required<Pick<GroundSettings, "steps" | "noise" | "seed">> {
  /** Words that are read. */
  readonly words: WordChoice;
  /** Folder for noisy latents; absent for none. */
  readonly cache?: string;
}

/** Added to the range of a map before its scaling, as in DAAM; a constant map becomes 0. */
const TINY = 1e-8;

/**
 * Makes the stages.
 *
 * @param model A model that reads {@linkcode daamLayers}, each head by itself, with sums over
 * tokens.
 * @throws {RangeError} If the number of steps is out of its range.
 */
export function daamStages(
  model: LdmModel,
  { words, cache, ...chosen }: DaamSettings,
): PhraseStages<NoisyImage> {
  const { tokenizer, config } = model.bundle;
  const side = config.imageSize / downsampling(config.autoencoder);
  const count = model.scheduler.timesteps(chosen.steps).length;
  const settings = resolveSettings(model, {
    ...chosen,
    select: { kind: "indices", start: 0, end: count },
  });
  return {
    model,
    passes: { image: { whole: noisePasses(settings), cut: 0 }, phrase: { whole: 0, cut: count } },
    prepare: (source, options) =>
      cache === undefined
        ? noise(encode(source, model, options), model, settings, options)
        : collectNoise(cachedNoise(source, model, settings, cache, options), options),
    async ground({ noisy }, sample, { signal, onPass }) {
      const phrase = tokenizer.encode(sample.phrase);
      const found = chooseWords(tokenizer, sample, words);
      const tokens = [...new Set(found.words.flatMap(({ tokens }) => tokens))];
      const columns = tokens.map((token) =>
        Float32Array.from(phrase.ids, (_, at) => Number(at === token))
      );
      const sums = new HeadSums(columns.length);
      for (let step = 0; step < count; step += model.batch) {
        signal?.throwIfAborted();
        const some = noisy.slice(step, step + model.batch);
        const maps = await model.attend(
          some.map(({ latent }) => latent),
          some.map(({ timestep }) => timestep),
          await model.condition(phrase),
          columns,
        );
        sums.add(maps, await readMaps(model, maps, some.length), some.length);
        for (const map of maps) map.release();
        onPass(some.length);
      }
      return {
        values: scaleExactly(sums.mean(side), TINY),
        side,
        notes: choiceNotes(found, words),
      };
    },
  };
}
