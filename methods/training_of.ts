import { isTraining, parseTraining, type TrainingSet } from "../datasets/training.ts";
import { findModel } from "../hub/catalog.ts";
import type { MethodRow } from "./method_row.ts";

/** Training data of a model of the catalog. */
export function trainingOf(name: string): TrainingSet[] {
  return parseTraining(findModel(name)!.trained, `Training of "${name}"`);
}

/** Training data of a method by the facts of its run's record; `undefined` if nobody knows it. */
export function trainingIn(
  row: Pick<MethodRow, "trained"> | undefined,
  facts: Readonly<Record<string, unknown>>,
): readonly TrainingSet[] | undefined {
  return isTraining(facts.trained) ? facts.trained : row?.trained?.(facts);
}
