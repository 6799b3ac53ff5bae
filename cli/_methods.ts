/**
 * The methods of an evaluation, from what was chosen to what runs.
 *
 * @module
 */

import manifest from "../deno.json" with { type: "json" };
import {
  type Bundle,
  type Dataset,
  type DatasetItem,
  evaluate,
  type Runtime,
  type SampleResult,
  tableTwoVariants,
} from "../mod.ts";
import { matchPredictions } from "../datasets/predictions/match_predictions.ts";
import { readPredictions } from "../datasets/predictions/read_predictions.ts";
import { quote } from "../models/checkpoint/quote.ts";
import type { MethodName } from "../models/method_names.ts";
import { type BaselineName, openMethod } from "../models/open_method.ts";
import type { EvaluateOptions } from "../pipeline/evaluate.ts";
import { groundRequests } from "../pipeline/ground.ts";
import { type EvaluatedMethod, evaluateMethods } from "../pipeline/methods/evaluate_methods.ts";
import { groundByMethod } from "../pipeline/methods/ground_by_method.ts";
import { scorePredictions } from "../pipeline/methods/score_boxes.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import { chooseModel, describeRun, groundSettings, openPlace, type Place } from "./_common.ts";
import type { EvalValues } from "./_eval_flags.ts";
import { UsageError } from "./_flags.ts";
import type { MethodSources } from "./_method_options.ts";
import { parseSetting } from "./_parsers.ts";
import type { Progress } from "./_progress.ts";

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

/** A method among others. */
interface ChosenMethod {
  /** What decides its results. */
  readonly facts: object;
  /** What it is made from, with its path. */
  readonly source: object;
  /** Makes it ready. */
  readonly open: (whole: () => Promise<WholeDataset>) => Promise<OpenMethod>;
}

interface OpenMethod {
  readonly ground: (controls: RunControls) => EvaluatedMethod["ground"];
  readonly close?: () => Promise<void>;
}

/** One method that is not the diffusion model, or several. */
async function chooseSeveral(
  sources: MethodSources,
  values: EvalValues,
  progress: Progress,
): Promise<ChosenMethods> {
  const folder = sources.get("ldm");
  const ldm = folder === undefined ? undefined : await chooseLdmAmong(folder, values, progress);
  const needsRuntime = [...sources.keys()].some((name) => name !== "boxes");
  const place = ldm ?? (needsRuntime ? await openPlace(values, progress) : undefined);
  const chosen = new Map<MethodName, ChosenMethod>();
  for (const [name, source] of sources) {
    chosen.set(
      name,
      name === "boxes"
        ? await chooseBoxes(source, values, progress)
        : name === "ldm"
        ? ldm!
        : await chooseBaseline(name, source, place!.runtime),
    );
  }
  const each = <T>(map: (method: ChosenMethod) => T) =>
    Object.fromEntries([...chosen].map(([name, method]) => [name, map(method)]));
  return {
    names: chosen.size > 1 ? [...chosen.keys()] : [""],
    facts: { method: [...chosen.keys()].join(), methods: each(({ facts }) => facts) },
    sources: { methods: each(({ facts, source }) => ({ ...facts, ...source })) },
    versions: {
      groundray: manifest.version,
      ...(place && { runtime: `${place.runtime.version} (${place.runtime.name})` }),
      ...(place?.gpu && { gpu: place.gpu.adapter.name }),
      deno: Deno.version.deno,
    },
    open: async (whole) => {
      const opened: [MethodName, OpenMethod][] = [];
      for (const [name, method] of chosen) opened.push([name, await method.open(whole)]);
      return {
        evaluate: (items, controls) =>
          evaluateMethods(
            items,
            opened.map(([name, { ground }]) => ({
              name: opened.length > 1 ? name : "",
              ground: ground(controls),
            })),
            controls,
          ),
        close: async () => {
          for (const [, { close }] of opened) await close?.();
        },
      };
    },
  };
}

async function chooseLdmAmong(
  folder: string,
  values: EvalValues,
  progress: Progress,
): Promise<ChosenMethod & Place> {
  const { cache } = values;
  if (cache) await TrajectoryCache.open(cache);
  const settings = groundSettings(values);
  const choice = await chooseModel({ ...values, model: folder }, settings, progress);
  const { model: { path, sha256 }, settings: made } = await describeRun(choice);
  const { runtime, gpu } = choice;
  return {
    ...{ runtime, ...(gpu && { gpu }) },
    facts: { settings: made, model: { sha256 } },
    source: { model: { path, sha256 } },
    open: async () => {
      const model = await choice.open();
      return {
        ground: ({ margin, protocols, onNotice }) => (source, onProgress) =>
          groundRequests(source, {
            ...choice.settings,
            ...{ model, margin, protocols, onNotice, onProgress },
            ...(gpu && { gpu }),
            ...(cache && { cache }),
          }),
        close: () => model.close(),
      };
    },
  };
}

/** A baseline; it is loaded at once, since only then its weights are known. */
async function chooseBaseline(
  name: BaselineName,
  folder: string,
  runtime: Runtime,
): Promise<ChosenMethod> {
  const method = await openMethod(name, folder, runtime);
  const sha256 = await method.hash();
  return {
    facts: { view: method.view, model: { sha256 } },
    source: { model: { path: folder, sha256 } },
    open: () =>
      Promise.resolve({
        ground: ({ margin, protocols }) => (source, onProgress) =>
          groundByMethod(source, method, { margin, protocols, onProgress }),
        close: () => method.close(),
      }),
  };
}

async function chooseBoxes(
  file: string,
  { "box-rule": rule }: EvalValues,
  progress: Progress,
): Promise<ChosenMethod> {
  const predictions = await readPredictions(file);
  const { path, sha256 } = predictions;
  return {
    facts: { predictions: { sha256 }, rule },
    source: { predictions: { path, sha256 } },
    open: async (whole) => {
      const { dataset, root } = await whole();
      const { boxes, samples, unmatched } = await matchPredictions(
        predictions,
        dataset.items,
        root,
      );
      progress.say(`"${path}" has predictions for ${boxes.size} of ${samples} samples.`);
      if (unmatched.length > 0) {
        const [{ image, phrase }] = unmatched as [typeof unmatched[number]];
        progress.warn(
          `Of the predictions in "${path}" ${unmatched.length} match no sample of the dataset, ` +
            `such as image ${quote(image, 100)} with phrase ${quote(phrase, 100)}.`,
        );
      }
      return {
        ground: () => (source, onProgress) => scorePredictions(source, boxes, { rule, onProgress }),
      };
    },
  };
}
