/**
 * Generate to Ground (Nützel et al., MIDL 2025) as a method.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import { type FlagValues, UsageError } from "../../base/options.ts";
import { quote } from "../../base/text.ts";
import { hasVariance } from "../../models/ldm/autoencoder.ts";
import { Scheduler } from "../../models/scheduler.ts";
import { choosePhraseMethod, PHRASE_ROW, STEPS } from "../choose_phrase_method.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";
import { GENERATE_TO_GROUND_FLAGS } from "./flags.ts";
import { mapSide } from "./maps.ts";
import { generateToGroundStages, readSteps } from "./stages.ts";

/** Deviation from the released code, for every result. */
export const WORDS_NOTE =
  "words outside a stop list stand in for the adjectives, nouns and verbs of the released code";

/** The registry's row of Generate to Ground. */
export const GENERATE_TO_GROUND = {
  label: "Generate-to-Ground",
  ...PHRASE_ROW,
  flags: GENERATE_TO_GROUND_FLAGS,
  // The released code chooses words by a tagger, which no library here has.
  cautions: ({ settings }) =>
    (settings as { readonly words?: unknown } | undefined)?.words === "content"
      ? [`By Generate-to-Ground ${WORDS_NOTE}.`]
      : [],
  choose,
} as const satisfies MethodRow<typeof GENERATE_TO_GROUND_FLAGS>;

async function choose(
  folder: string,
  values: FlagValues<typeof GENERATE_TO_GROUND_FLAGS>,
  context: MethodContext,
): Promise<ChosenMethod> {
  const { bbm, seed, cache, steps = STEPS } = values;
  return await choosePhraseMethod(folder, values, context, "content", (bundle, words) => {
    // These throw early if a setting does not fit the model.
    new Scheduler(bundle.config.scheduler).samplingTimesteps(steps);
    mapSide(bundle.crossAttentionSides);
    const { autoencoder } = bundle.checkpoints;
    if (!hasVariance(bundle.config.autoencoder, autoencoder.tensors)) {
      throw new InputRangeError(
        `Cannot run Generate to Ground on model ${quote(bundle.path)}: it draws latents, and ` +
          `"${autoencoder.path}" has no variance of them`,
      );
    }
    if (bbm && words === "class") {
      throw new UsageError(
        'Options "--bbm" and "--words class" exclude each other: the released code has no such map',
      );
    }
    return {
      settings: { steps, read: readSteps(steps), bbm, seed },
      model: { layers: "all" },
      notes: words === "content" ? [WORDS_NOTE] : [],
      stages: (model) =>
        generateToGroundStages(model, { steps, bbm, seed, words, ...(cache && { cache }) }),
    };
  });
}
