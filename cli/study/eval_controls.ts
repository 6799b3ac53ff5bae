/**
 * The controls of `deno task eval`: questions beside the samples, and the folder of their answers.
 *
 * @module
 */

import { makeControls, withControls } from "../../datasets/controls/controls.ts";
import { openDataset, type OpenDatasetOptions } from "../../datasets/open_dataset.ts";
import type { DatasetItem, Question, Sample } from "../../datasets/sample.ts";
import { METHODS } from "../../methods/registry.ts";
import { controlFolder, controlRecord } from "../../runs/control_run.ts";
import { type Earlier, RunFolder, type RunRecord } from "../../runs/run_folder.ts";

/** Questions that are not asked yet, with the folder of the answers. */
export interface EvalControls {
  /** The open folder of the answers; its owner closes it. */
  readonly folder: RunFolder;
  /** Number of questions, and of their mirrored images. */
  readonly count: number;
  readonly mirrored: number;
  /** Ids of the questions that earlier attempts answered. */
  readonly done: ReadonlySet<string>;
  /** Yields the items of the dataset with the questions about each image after its samples. */
  items(items: AsyncIterable<DatasetItem>): AsyncIterable<DatasetItem>;
}

/** Samples of a dataset; its bad rows are left out. */
async function samplesOf(path: string, part: OpenDatasetOptions): Promise<Sample[]> {
  const items = await Array.fromAsync((await openDataset(path, part)).items);
  return items.flatMap((item) => item.kind === "sample" ? [item.sample] : []);
}

/**
 * Plans the questions of a run, and opens the folder of their answers.
 *
 * Phrases of other classes come from the whole dataset, so that a shard asks as the whole run does.
 *
 * @param part The part of the dataset that the run reads.
 * @param earlier How to treat earlier answers.
 * @param onNotice Receives a sentence about the folder, as of {@linkcode RunFolder.lock}.
 * @throws {Error} As {@linkcode openDataset} and {@linkcode RunFolder.begin}.
 */
export async function openControls(
  out: string,
  path: string,
  part: OpenDatasetOptions,
  methods: readonly string[],
  record: RunRecord,
  earlier: Earlier,
  onNotice: (notice: string) => void,
): Promise<EvalControls> {
  const samples = await samplesOf(path, part);
  const { limit, shard, ...whole } = part;
  const pool = limit || shard ? await samplesOf(path, whole) : samples;
  const readsImages = methods.every((name) => METHODS[name]?.source?.option !== "predictions");
  const hasEmpty = methods.every((name) => METHODS[name]?.source?.part === "unet") &&
    pool.some(({ isNegative }) => isNegative);
  const questions: readonly Question[] = [
    ...(readsImages ? ["other-class", "other-side", "mirrored"] as const : []),
    ...(hasEmpty ? ["empty"] as const : []),
  ];
  const controls = makeControls(samples, pool, questions);
  const all = [...controls.values()].flat();
  const plan = all.map(({ id, index }) => ({ id, index: index! }))
    .sort((one, other) => one.index - other.index);
  const folder = await RunFolder.lock(controlFolder(out), onNotice);
  try {
    const done = await folder.begin(controlRecord(record, questions, plan), earlier, () => {});
    const mirrored = all.filter(({ control }) => control === "mirrored");
    return {
      ...{ folder, done, count: all.length },
      mirrored: new Set(mirrored.map(({ image }) => image)).size,
      items: (items) => withControls(items, controls),
    };
  } catch (error) {
    await folder.close();
    throw error;
  }
}
