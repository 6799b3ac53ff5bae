/**
 * How a run finished and scored its heatmaps, from what its folder says.
 *
 * @module
 */

import { type MethodName, METHODS } from "../models/method_names.ts";
import { type ProtocolName, PROTOCOLS } from "../scoring/protocols.ts";
import type { Margin } from "../shaders/metrics_cpu.ts";
import { MAX_SIGMA } from "../shaders/gaussian_cpu.ts";
import { RECORD, type RunRecord } from "./run_folder.ts";

/** What may be chosen after the model has run. */
export interface RunMethod {
  /**
   * Standard deviation of the Gaussian in heatmap pixels, of the diffusion model's heatmaps; those
   * of other methods are what they are.
   */
  readonly sigma: number;
  /** Whether each variant is cut at Otsu's threshold, by name; one empty name where there is one. */
  readonly otsu: ReadonlyMap<string, boolean>;
  /** How scores count what lies outside the centre square. */
  readonly margin: Margin;
  /** Protocols that scores are given by beside the paper's. */
  readonly protocols: readonly ProtocolName[];
}

/** What a run's record says of one method. */
export type MethodFacts = Readonly<Record<string, unknown>>;

/**
 * What a run's record says of its methods, by their names; that of a run of the diffusion
 * model alone names none.
 */
export function methodsOf({ facts }: Pick<RunRecord, "facts">): Partial<
  Record<MethodName, MethodFacts>
> {
  const isMethod = ([name, facts]: [string, unknown]) =>
    Object.hasOwn(METHODS, name) && typeof facts === "object" && facts !== null;
  return Object.fromEntries(Object.entries(facts.methods ?? {}).filter(isMethod));
}

/** Whether a run has heatmaps that can be smoothed and cut anew: the diffusion model's. */
export function hasAttention(record: Pick<RunRecord, "facts">): boolean {
  return record.facts.methods === undefined || methodsOf(record).ldm !== undefined;
}

/**
 * The method of a run.
 *
 * @param folder The run's folder, for messages.
 * @throws {SyntaxError} If the record does not say.
 */
export function runMethod(folder: string, record: RunRecord): RunMethod {
  const { facts, variants } = record;
  const settings = facts.methods === undefined ? facts.settings : methodsOf(record).ldm?.settings;
  const { sigma, otsu, variants: made } =
    (hasAttention(record) ? settings ?? {} : { sigma: 0, otsu: false }) as MethodFacts;
  const { margin, protocols = [] } = facts;
  const isOther = (name: string) => facts.methods !== undefined && name !== "" && name !== "ldm";
  const chosen = variants.map((name): [string, unknown] => [
    name,
    isOther(name)
      ? false
      : Array.isArray(made)
      ? made.find((variant) => variant?.name === name)?.otsu
      : otsu,
  ]);
  const isKnown = typeof sigma === "number" && sigma >= 0 && sigma <= MAX_SIGMA &&
    chosen.every(([, otsu]) => typeof otsu === "boolean") &&
    (margin === "excluded" || margin === "zero") &&
    Array.isArray(protocols) &&
    protocols.every((name) => typeof name === "string" && Object.hasOwn(PROTOCOLS, name));
  if (isKnown) return { sigma, margin, protocols, otsu: new Map(chosen as [string, boolean][]) };
  throw new SyntaxError(
    `Cannot read "${folder}/${RECORD}": expected sigma, margin, protocols and each setting's Otsu`,
  );
}
