import {
  countSeen,
  describeTraining,
  type Leak,
  type TrainingSet,
} from "../../datasets/training.ts";
import { METHODS, SEED } from "../../methods/registry.ts";
import { trainingIn } from "../../methods/training_of.ts";
import { type MethodFacts, methodsOf } from "../../runs/scoring_settings.ts";
import type { RunRecord } from "../../runs/run_folder.ts";
import type { Summary } from "./summary.ts";

/**
 * Labels of a run's methods in tables, by the name of the summary. The summary of a single method
 * has an empty name. The result is `undefined` if the run's record names no methods.
 */
export function methodLabels(
  record: Pick<RunRecord, "facts">,
): Readonly<Record<string, string>> | undefined {
  const methods = methodsOf(record);
  const names = Object.keys(methods);
  if (names.length === 0) return undefined;
  return Object.fromEntries(
    names.map((name) => [names.length > 1 ? name : "", labelOf(name, methods[name]!)]),
  );
}

/** Sentences about the part of the image that each method sees, and about special scoring. */
export function methodNotes(record: Pick<RunRecord, "facts">): string[] {
  const methods = methodsOf(record);
  const views = Object.entries(methods).flatMap(([name, facts]) => {
    const view = describeView(name, facts);
    return view ? [`${labelOf(name, facts)} sees ${view}`] : [];
  });
  const rules = Map.groupBy(
    Object.entries(methods).filter(([, { rule }]) => typeof rule === "string"),
    ([, { rule }]) => rule,
  );
  return [
    ...(views.length > 0
      ? [
        `${views.join(", ")}; what lies outside has ` +
        `${record.facts.margin === "zero" ? "the value 0" : "no value"}, boxes wholly outside ` +
        "are dropped, and samples without any other skipped.",
      ]
      : []),
    ...[...rules].map(([rule, alike]) =>
      `${subjectOf(alike)} are scored on the ` +
      "whole image by intersection over union alone, with " +
      (rule === "max"
        ? "each ground-truth box by itself, of which the highest counts."
        : "what the ground-truth boxes cover together.")
    ),
    ...Object.entries(methods).flatMap(([name, facts]) =>
      Object.hasOwn(METHODS, name) ? METHODS[name]!.cautions?.(facts) ?? [] : []
    ),
  ];
}

/** The boxes of methods, as the subject of a sentence. */
function subjectOf(methods: readonly [name: string, facts: MethodFacts][]): string {
  const boxes = methods.map(([name, facts]) =>
    name === "boxes" ? "predicted boxes" : `boxes of ${labelOf(name, facts)}`
  );
  const subject = new Intl.ListFormat("en").format(boxes);
  return subject[0]!.toUpperCase() + subject.slice(1);
}

function describeView(name: string, { view }: MethodFacts): string | undefined {
  if (name === "ldm") return "the centre square of an image";
  const { crop, resized } = (view ?? {}) as MethodFacts;
  if (typeof crop !== "number" || typeof resized !== "number") return undefined;
  return crop < resized
    ? `the middle ${crop} of the ${resized} pixels that the shorter side is resized to`
    : "the centre square of an image";
}

/** Samples of a summary that were in the training of its method. */
export interface MethodLeak extends Leak {
  /** Training data of the method; absent if nobody knows it. */
  readonly training?: readonly TrainingSet[];
}

/**
 * Counts the scored samples that were in the training of a method. A run of one split tells the split
 * of each sample.
 *
 * @param name Name of the summary: a method, or a setting of the only method.
 */
export function leakOf(
  { facts }: Pick<RunRecord, "facts">,
  name: string,
  { splits, counts }: Pick<Summary, "counts"> & { readonly splits?: Summary["splits"] | undefined },
): MethodLeak {
  const { kind, split } = (facts.dataset ?? {}) as Readonly<Record<string, unknown>>;
  const methods = methodsOf({ facts });
  const method = Object.hasOwn(methods, name) ? name : Object.keys(methods)[0];
  const row = METHODS[method ?? SEED];
  const training = trainingIn(row, method === undefined ? facts : methods[method]!);
  const known = splits ?? { [typeof split === "string" ? split : ""]: counts.scored };
  const counted = new Map(Object.entries(known));
  return { ...countSeen(training, String(kind), counted), ...(training && { training }) };
}

/** Says how many samples were in the training; `undefined` if none is known to be. */
export function describeLeak(leak: MethodLeak): string | undefined {
  const { seen, unknown, total, training = [] } = leak;
  if (seen === 0) return undefined;
  return `trained on ${describeTraining(training)}; by the dataset's splits ${seen} of ${total} ` +
    `scored samples were in it${unknown > 0 ? `, and of ${unknown} it is not known` : ""}`;
}

/** Label of a method; the record of a method from outside states its label. */
export function labelOf(name: string, { label }: MethodFacts): string {
  if (Object.hasOwn(METHODS, name)) return METHODS[name]!.label;
  return typeof label === "string" ? label : name;
}
