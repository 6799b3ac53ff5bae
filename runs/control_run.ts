/**
 * The part of a run that asks its methods other questions. Its folder lies in the folder of the run
 * and has the same files, so that a reader of runs reads it, too.
 *
 * @module
 */

import { stat } from "../base/paths.ts";
import { CONTROL_FACTS } from "../datasets/controls/controls.ts";
import type { PlannedSample } from "../datasets/open_dataset.ts";
import type { Question } from "../datasets/sample.ts";
import { RECORD, type RunRecord } from "./run_folder.ts";

/** Folder of a run's controls. */
export function controlFolder(folder: string): string {
  return `${folder}/controls`;
}

/** Returns true if a run has controls. */
export async function hasControls(folder: string): Promise<boolean> {
  return (await stat(`${controlFolder(folder)}/${RECORD}`))?.isFile ?? false;
}

/**
 * Record of a run's controls.
 *
 * @param questions Questions that the methods were asked; none if only stored heatmaps are read.
 * @param plan The questions about samples.
 */
export function controlRecord(
  { facts, ...record }: RunRecord,
  questions: readonly Question[] = [],
  plan: readonly PlannedSample[] = [],
): RunRecord {
  return { ...record, facts: { ...facts, controls: { ...CONTROL_FACTS, questions } }, plan };
}
