/**
 * Training data of methods, and samples of a dataset that were in it.
 *
 * @module
 */

import { UsageError } from "../base/options.ts";
import { show } from "../base/text.ts";
import type { Layout } from "./layouts/layout.ts";
import { LAYOUTS } from "./layouts/registry.ts";

/** A dataset that a method was trained on. */
export interface TrainingSet {
  /** Name of the dataset: the `kind` of a run, `mimic-cxr`, or {@linkcode ANY} for unknown others. */
  readonly dataset: string;
  /**
   * Names of the splits in the training; {@linkcode ANY} stands for the whole dataset.
   *
   * @default {A part that is not known}
   */
  readonly splits?: readonly string[];
}

/** Stands for every split in {@linkcode TrainingSet.splits}, and for further sets as a dataset. */
export const ANY = "*";

/** Datasets that are no layout, and share no image with a layout of another source. */
const ELSEWHERE = ["phantoms", "mimic-cxr", "padchest", "chexpert", "laion", "refcoco"];

/** Dataset that the images of a dataset come from; {@linkcode ANY} if that is not known. */
function sourceOf(name: string): string {
  if (Object.hasOwn(LAYOUTS, name)) {
    return (LAYOUTS as Readonly<Record<string, Layout>>)[name]!.imagesOf ?? name;
  }
  return ELSEWHERE.includes(name) ? name : ANY;
}

/** Returns true if two datasets may share images. */
function mayShare(one: string, other: string): boolean {
  const [own, theirs] = [sourceOf(one), sourceOf(other)];
  return one === other || own === ANY || theirs === ANY || own === theirs;
}

/** Returns true if the split of a sample can tell that it was in the training. */
export function needsSplits(training: readonly TrainingSet[], dataset: string): boolean {
  return training.some((set) => set.splits && mayShare(set.dataset, dataset));
}

/** Scored samples by their part in a method's training. */
export interface Leak {
  /** Samples that were in the training. */
  readonly seen: number;
  /** Samples of which it is not known. */
  readonly unknown: number;
  readonly total: number;
}

/**
 * Counts the samples that were in a training, by their split. The split of a dataset need not be that
 * of the dataset its images come from: a sample of MS-CXR's split `train` counts as seen by a method
 * that was trained on this split of MIMIC-CXR, and of its other samples it is not known.
 *
 * @param training Statement about the training; `undefined` leaves all samples unknown.
 * @param splits Number of samples by split; an empty name stands for samples without a split.
 */
export function countSeen(
  training: readonly TrainingSet[] | undefined,
  dataset: string,
  splits: ReadonlyMap<string, number>,
): Leak {
  let [seen, unknown, total] = [0, 0, 0];
  for (const [split, count] of splits) {
    const part = partOf(training, dataset, split);
    total += count;
    if (part === "seen") seen += count;
    else if (part === "unknown") unknown += count;
  }
  return { seen, unknown, total };
}

function partOf(
  training: readonly TrainingSet[] | undefined,
  dataset: string,
  split: string,
): "seen" | "unknown" | "apart" {
  if (!training) return "unknown";
  const near = training.filter((set) => mayShare(set.dataset, dataset));
  // A sample may have rows of several splits.
  const own = split.split("+").map((name) => name.toLowerCase());
  const isIn = ({ splits = [] }: TrainingSet) =>
    splits.some((name) => name === ANY || split !== "" && own.includes(name.toLowerCase()));
  const holdsAll = ({ dataset: name }: TrainingSet) =>
    name === dataset || name === sourceOf(dataset);
  if (near.some((set) => holdsAll(set) && isIn(set))) return "seen";
  // Only the dataset's own split can tell that a sample was left out.
  const isApart = near.every((set) => set.dataset === dataset && set.splits && split !== "");
  return isApart ? "apart" : "unknown";
}

/**
 * Parses training data such as `mimic-cxr:train,ms-cxr:train+val,*`: names of datasets with the splits
 * that were in the training. A name alone is a part that is not known, `:*` the whole dataset, and
 * `*` alone further data that is not known.
 *
 * @param where Option or module for the error, as the subject of a sentence.
 * @throws {UsageError} If a part is not of this form.
 */
export function parseTraining(text: string, where: string): TrainingSet[] {
  return text.split(",").map((part) => part.trim()).map((part) => {
    const [, dataset, splits] = /^([\w.-]+|\*)(?::([^:,\s]+))?$/.exec(part) ?? [];
    if (dataset !== undefined && !(dataset === ANY && splits)) {
      return { dataset: dataset.toLowerCase(), ...(splits && { splits: splits.split("+") }) };
    }
    throw new UsageError(
      `${where} must be datasets with splits, such as mimic-cxr:train,ms-cxr:train+val, ` +
        `got ${show(part)}`,
    );
  });
}

/** Formats training data as {@linkcode parseTraining} reads it. */
export function describeTraining(training: readonly TrainingSet[]): string {
  return training.map(({ dataset, splits }) => dataset + (splits ? `:${splits.join("+")}` : ""))
    .join(", ");
}

/** Returns true if a value of a record or a module is training data. */
export function isTraining(value: unknown): value is readonly TrainingSet[] {
  const areTexts = (list: unknown) =>
    Array.isArray(list) && list.every((text) => typeof text === "string");
  return Array.isArray(value) && value.length > 0 &&
    value.every((set: Partial<TrainingSet>) =>
      typeof set?.dataset === "string" && (set.splits === undefined || areTexts(set.splits))
    );
}
