/**
 * Chooses and opens the methods of an evaluation.
 *
 * @module
 */

import type { ChosenMethods } from "./_chosen_methods.ts";
import { type Bundle, evaluate, tableTwoVariants } from "../mod.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { chooseModel, describeRun, groundSettings } from "./kit/common.ts";
import type { EvalValues } from "./_eval_flags.ts";
import { UsageError } from "./kit/flags.ts";
import type { MethodSources } from "./_method_options.ts";
import { parseSetting } from "./kit/parsers.ts";
import type { Progress } from "./kit/progress.ts";
import { chooseSeveral } from "./_several_methods.ts";

/**
 * Chooses the methods by the options. Quick checks happen here, before the diffusion model takes
 * seconds to load.
 *
 * @param progress Receives a sentence about the runtime and the device.
 */
export async function chooseMethods(
  sources: MethodSources,
  values: EvalValues,
  progress: Progress,
): Promise<ChosenMethods> {
  return sources.size === 1 && sources.has("ldm")
    ? await chooseLdm(sources.get("ldm")!, values, progress)
    : await chooseSeveral(sources, values, progress);
}

/** Chooses the diffusion model alone, in one or several variants. */
async function chooseLdm(
  folder: string,
  values: EvalValues,
  progress: Progress,
): Promise<ChosenMethods> {
  const extra = values.setting.map(parseSetting);
  if (values.ablate && !values.otsu) {
    throw new UsageError('Option "--no-otsu" has no effect with "--ablate", which scores both');
  }
  const chooseVariants = values.ablate || extra.length > 0
    ? (bundle: Bundle, layers: readonly number[]) => [
      ...(values.ablate
        ? tableTwoVariants(bundle, layers)
        : [{ name: "as chosen", layers, otsu: values.otsu }]),
      ...extra,
    ]
    : undefined;
  const settings = groundSettings(values);
  const { cache } = values;
  if (cache) await TrajectoryCache.open(cache);
  const choice = await chooseModel(
    { ...values, model: folder },
    settings,
    progress,
    chooseVariants,
  );
  const { model, settings: made, versions } = await describeRun(choice);
  const { gpu } = choice;
  return {
    names: choice.resolved.variants.map(({ name }) => name),
    facts: { settings: made, model: { sha256: model.sha256 } },
    sources: { model },
    versions,
    open: async () => {
      const model = await choice.open();
      return {
        evaluate: (items, controls) =>
          evaluate(items, {
            ...choice.settings,
            ...{ model, ...controls },
            ...(gpu && { gpu }),
            ...(cache && { cache }),
          }),
        close: () => model.close(),
      };
    },
  };
}
