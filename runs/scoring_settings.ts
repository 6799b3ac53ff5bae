import { PROTOCOLS } from "../scoring/protocols.ts";
import { MAX_SIGMA } from "../shaders/gaussian_cpu.ts";
import { DHS } from "../scoring/sharpen.ts";
import type { RescoreSettings } from "./rescore.ts";
import { RECORD, type RunRecord } from "./run_folder.ts";

/**
 * The choices of a run that need no model, so that a later scoring may change them. Only heatmaps of
 * the diffusion model are smoothed; in a run without this model `sigma` is 0.
 */
export interface ScoringSettings extends Required<Omit<RescoreSettings, "otsu">> {
  /**
   * True if the run cuts at Otsu's threshold, or the run's own threshold, by the name of the
   * variant. A run without variants has one empty name.
   */
  readonly otsu: ReadonlyMap<string, boolean | number>;
}

/** Facts about one method in a run's record, by name. */
export type MethodFacts = Readonly<Record<string, unknown>>;

/**
 * Returns the facts of each method in a run's record, by the method's name. A run of the diffusion
 * model alone has none, since its record names no method.
 */
export function methodsOf({ facts }: Pick<RunRecord, "facts">): Record<string, MethodFacts> {
  const isMethod = ([, facts]: [string, unknown]) => typeof facts === "object" && facts !== null;
  return Object.fromEntries(Object.entries(facts.methods ?? {}).filter(isMethod));
}

/** Whether a run has heatmaps of the diffusion model; only these can be smoothed and cut again. */
export function hasAttention(record: Pick<RunRecord, "facts">): boolean {
  return record.facts.methods === undefined || methodsOf(record).ldm !== undefined;
}

/** Settings of the diffusion model in a run's record; empty if it states none. */
export function ldmSettings(record: Pick<RunRecord, "facts">): MethodFacts {
  const { facts } = record;
  const settings = facts.methods === undefined ? facts.settings : methodsOf(record).ldm?.settings;
  return (settings ?? {}) as MethodFacts;
}

/**
 * Reads the settings from a run's record.
 *
 * @param folder The run's folder, for messages.
 * @throws {SyntaxError} If sigma, margin, a protocol or a variant's Otsu is missing or invalid.
 */
export function scoringSettings(folder: string, record: RunRecord): ScoringSettings {
  const { facts, variants } = record;
  const { sigma, otsu, variants: made } = hasAttention(record)
    ? ldmSettings(record)
    : { sigma: 0, otsu: false, variants: undefined };
  const { margin, protocols = [], lift } = facts;
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
    chosen.every(([, otsu]) => typeof otsu === "boolean" || isShare(otsu)) &&
    (margin === "excluded" || margin === "zero") &&
    Array.isArray(protocols) &&
    protocols.every((name) => typeof name === "string" && Object.hasOwn(PROTOCOLS, name));
  if (!isKnown) {
    throw new SyntaxError(
      `Cannot read "${folder}/${RECORD}": expected sigma, margin, protocols and each setting's Otsu`,
    );
  }
  // Other parameters would need another lift than the lift of this version.
  if (lift !== undefined && JSON.stringify(lift) !== JSON.stringify(DHS)) {
    throw new SyntaxError(
      `Cannot read "${folder}/${RECORD}": expected no lift or ${JSON.stringify(DHS)}`,
    );
  }
  return {
    ...{ sigma, margin, protocols, lift: lift ? DHS.name : "none" },
    otsu: new Map(chosen as [string, boolean | number][]),
  };
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}
