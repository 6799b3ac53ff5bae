/**
 * Checks the options of a method that runs a diffusion model phrase by phrase.
 *
 * @module
 */

import { type FlagValues, UsageError } from "../base/options.ts";
import type { Bundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel, type OpenModelOptions } from "../models/ldm/model.ts";
import { requireWeights } from "../models/ldm/networks.ts";
import type { DecodedImage } from "../pipeline/decode.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { DEMO, LDM_SOURCE, openBundle, partFolders, partPaths, trainedOfDemo } from "./ldm/ldm.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "./method_row.ts";
import { phraseMethod, type PhraseStages } from "./phrase_method.ts";
import type { PHRASE_FLAGS } from "./shared_flags.ts";
import { parseWords, type WordChoice } from "../pipeline/settings/words.ts";

/** Number of timesteps of both methods. */
export const STEPS = 50;

/** The part of both methods' rows that is the same. */
export const PHRASE_ROW = {
  gives: "heatmaps",
  source: { ...LDM_SOURCE, follows: "ldm" },
  trained: trainedOfDemo,
  paths: (values) => ({ read: partPaths(values), write: [values.cache] }),
} as const satisfies Partial<MethodRow<typeof PHRASE_FLAGS>>;

/** A method with its settings, before its model is open. */
export interface PlannedMethod<P extends DecodedImage> {
  /** Settings for the run's record, in its order. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Layers and outputs of the model. */
  readonly model: OpenModelOptions;
  /** Sentences for every result. */
  readonly notes?: readonly string[];
  /** Makes the stages of the open model. */
  stages(model: LdmModel): PhraseStages<P>;
}

/**
 * Checks the options, and opens the files of the model.
 *
 * @param standard Choice of words without the option.
 * @param plan Makes the settings from the model and the words; a setting out of its range throws.
 */
export async function choosePhraseMethod<P extends DecodedImage>(
  folder: string,
  values: FlagValues<typeof PHRASE_FLAGS>,
  context: MethodContext,
  standard: WordChoice,
  plan: (bundle: Bundle, words: WordChoice) => PlannedMethod<P>,
): Promise<ChosenMethod> {
  const { cache, weights } = values;
  const words = values.words === undefined ? standard : parseWords(values.words);
  if (words === "class" && !context.hasClasses) {
    throw new UsageError(
      'Option "--words class" needs samples with a class, as deno task eval has them',
    );
  }
  if (cache) await TrajectoryCache.open(cache);
  const bundle = await openBundle(folder, values);
  const { settings, model: options, notes = [], stages } = plan(bundle, words);
  const { runtime } = await context.backend();
  requireWeights(weights, runtime);
  const { notice, imageSize } = bundle.config;
  if (notice) context.warn(notice);
  const sha256 = await bundle.hash();
  return {
    facts: {
      view: { crop: imageSize, resized: imageSize },
      settings: { ...settings, words, weights },
      model: { sha256 },
    },
    source: {
      model: { path: bundle.path, ...(bundle.hasParts && partFolders(values)), sha256 },
    },
    notes: [...notes, ...(notice ? [notice] : [])],
    open: async () => {
      const model = await openModel(bundle, runtime, { ...options, weights, tokenSums: true });
      // A phrase takes the bundled model a second.
      return phraseMethod(stages(model), folder !== DEMO);
    },
  };
}
