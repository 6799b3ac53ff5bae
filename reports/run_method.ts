/**
 * How a run finished and scored its heatmaps, from what its folder says.
 *
 * @module
 */

import { type ProtocolName, PROTOCOLS } from "../pipeline/protocols.ts";
import type { Margin } from "../shaders/metrics_cpu.ts";
import { MAX_SIGMA } from "../shaders/gaussian_cpu.ts";
import { RECORD, type RunRecord } from "./run_folder.ts";

/** What may be chosen after the model has run. */
export interface RunMethod {
  /** Standard deviation of the Gaussian in heatmap pixels. */
  readonly sigma: number;
  /** Whether each variant is cut at Otsu's threshold, by name; one empty name where there is one. */
  readonly otsu: ReadonlyMap<string, boolean>;
  /** How scores count what lies outside the centre square. */
  readonly margin: Margin;
  /** Protocols that scores are given by beside the paper's. */
  readonly protocols: readonly ProtocolName[];
}

/**
 * The method of a run.
 *
 * @param folder The run's folder, for messages.
 * @throws {SyntaxError} If the record does not say.
 */
export function runMethod(folder: string, { facts, variants }: RunRecord): RunMethod {
  const { sigma, otsu, variants: made } = (facts.settings ?? {}) as Readonly<
    Record<string, unknown>
  >;
  const { margin, protocols = [] } = facts;
  const chosen = variants.map((name): [string, unknown] => [
    name,
    Array.isArray(made) ? made.find((variant) => variant?.name === name)?.otsu : otsu,
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
