/**
 * The methods of an evaluation, from what was chosen to what runs.
 *
 * @module
 */

import {
  type Bundle,
  type Dataset,
  type DatasetItem,
  evaluate,
  type EvaluateOptions,
  type SampleResult,
  tableTwoVariants,
} from "../mod.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { chooseModel, describeRun, groundSettings } from "./_common.ts";
import type { EvalValues } from "./_eval_flags.ts";
import { UsageError } from "./_flags.ts";
import type { MethodSources } from "./_method_options.ts";
import { parseSetting } from "./_parsers.ts";
import type { Progress } from "./_progress.ts";
import { chooseSeveral } from "./_several_methods.ts";

/** How samples go through methods. */
export type RunControls = Required<
  Pick<
    EvaluateOptions,
    | "concurrency"
    | "margin"
    | "protocols"
    | "done"
    | "ending"
    | "onHeatmap"
    | "onProgress"
    | "onNotice"
  >
>;

/** Methods that are ready to run. */
export interface OpenMethods {
  /** Evaluates a dataset. */
  readonly evaluate: (
    items: AsyncIterable<DatasetItem>,
    controls: RunControls,
  ) => AsyncIterable<SampleResult>;
  /** Frees their memory. */
  readonly close: () => Promise<void>;
}

/** Methods that are chosen, and what is to be known of them before they run. */
export interface ChosenMethods {
  /** What results call the variants or methods; one empty name where there is only one. */
  readonly names: readonly string[];
  /** What decides the results, for `run.json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The same with the paths of files, for `summary.json`. */
  readonly sources: Readonly<Record<string, unknown>>;
  /** Versions of what runs them. */
  readonly versions: Readonly<Record<string, string>>;
  /**
   * Makes them ready, which takes seconds.
   *
   * @param whole Opens all of the dataset, for what is found by the names of its images.
   */
  readonly open: (whole: () => Promise<WholeDataset>) => Promise<OpenMethods>;
}

/** A dataset, and the folder that its images are below. */
export interface WholeDataset {
  /** The dataset without shard and limit. */
  readonly dataset: Dataset;
  /** The folder. */
  readonly root: string;
}

/**
 * The methods as the options say. What is wrong with them is found out here, as far as that
 * takes no seconds.
 *
 * @param progress Where it is said what runs them.
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

/** The diffusion model alone, in one or several variants. */
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
