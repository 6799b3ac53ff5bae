import { InputRangeError } from "../../base/errors.ts";
import type { FlagValues } from "../../base/options.ts";
import { quote } from "../../base/text.ts";
import { downsampling } from "../../models/ldm/autoencoder.ts";
import { Scheduler } from "../../models/scheduler.ts";
import { choosePhraseMethod, PHRASE_ROW, STEPS } from "../choose_phrase_method.ts";
import type { ChosenMethod, MethodContext, MethodRow } from "../method_row.ts";
import { DAAM_FLAGS } from "./flags.ts";
import { daamStages } from "./stages.ts";
import { daamLayers } from "./sums.ts";

/**
 * The registry's row of DAAM on a given image (Tang et al., "What the DAAM: Interpreting Stable
 * Diffusion Using Cross Attention", ACL 2023).
 */
export const DAAM = {
  label: "DAAM",
  ...PHRASE_ROW,
  flags: DAAM_FLAGS,
  choose,
} as const satisfies MethodRow<typeof DAAM_FLAGS>;

async function choose(
  folder: string,
  values: FlagValues<typeof DAAM_FLAGS>,
  context: MethodContext,
): Promise<ChosenMethod> {
  const { noise, seed, cache, steps = STEPS } = values;
  return await choosePhraseMethod(folder, values, context, "all", (bundle, words) => {
    const { scheduler, imageSize, autoencoder } = bundle.config;
    new Scheduler(scheduler).timesteps(steps);
    const layers = daamLayers(bundle, imageSize / downsampling(autoencoder));
    if (layers.length === 0) {
      throw new InputRangeError(
        `Cannot run DAAM on model ${quote(bundle.path)}: it reads cross-attention on the way ` +
          "down and up, and the model has it in the middle alone",
      );
    }
    return {
      settings: { steps, noise, seed, layers },
      model: { layers, eachHead: true },
      stages: (model) => daamStages(model, { steps, noise, seed, words, ...(cache && { cache }) }),
    };
  });
}
