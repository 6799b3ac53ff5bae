/**
 * Chooses several methods for one evaluation, or a single method other than the diffusion model.
 *
 * @module
 */

import type { Runtime } from "../mod.ts";
import { matchPredictions } from "../datasets/predictions/match_predictions.ts";
import { readPredictions } from "../datasets/predictions/read_predictions.ts";
import { quote } from "../base/text.ts";
import type { MethodName } from "../models/method_names.ts";
import { type BaselineName, openMethod } from "../models/open_method.ts";
import { groundRequests } from "../pipeline/ground.ts";
import { type EvaluatedMethod, evaluateMethods } from "../pipeline/methods/evaluate_methods.ts";
import { groundByMethod } from "../pipeline/methods/ground_by_method.ts";
import { scorePredictions } from "../pipeline/methods/score_boxes.ts";
import { TrajectoryCache } from "../pipeline/trajectory_cache.ts";
import {
  chooseModel,
  describeRun,
  describeVersions,
  groundSettings,
  openPlace,
  type Place,
} from "./kit/common.ts";
import type { EvalValues } from "./_eval_flags.ts";
import type { MethodSources } from "./_method_options.ts";
import type { ChosenMethods, RunControls, WholeDataset } from "./_chosen_methods.ts";
import type { Progress } from "./kit/progress.ts";

/** A method that the options chose; nothing of it is loaded yet. */
interface ChosenMethod {
  /** Facts that decide the method's results. */
  readonly facts: object;
  /** Model or predictions of the method, with the path. */
  readonly source: object;
  /** Makes the method ready to run. */
  readonly open: (whole: () => Promise<WholeDataset>) => Promise<OpenMethod>;
}

interface OpenMethod {
  readonly ground: (controls: RunControls) => EvaluatedMethod["ground"];
  readonly close?: () => Promise<void>;
}

/** Chooses several methods, or a single method other than the diffusion model. */
export async function chooseSeveral(
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
    versions: describeVersions(place),
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

/** Chooses a baseline. Loads it at once, since the hash of its weights is needed before the run. */
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
      const { boxes, faults, samples, unmatched } = await matchPredictions(
        predictions,
        dataset.items,
        root,
      );
      progress.say(`"${path}" has predictions for ${boxes.size} of ${samples} samples.`);
      if (unmatched.length > 0) {
        const [{ image, phrase, fault }] = unmatched as [typeof unmatched[number]];
        progress.warn(
          `Of the predictions in "${path}" ${unmatched.length} match no sample of the dataset, ` +
            `such as image ${quote(image, 100)} with phrase ${quote(phrase, 100)}` +
            `${fault ? `: ${fault}` : ""}.`,
        );
      }
      return {
        ground: () => (source, onProgress) =>
          scorePredictions(source, boxes, { rule, faults, onProgress }),
      };
    },
  };
}
