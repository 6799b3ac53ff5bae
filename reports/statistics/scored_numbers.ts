import type { SampleResult } from "../../pipeline/evaluate.ts";
import {
  type NumberName,
  numbersOf,
  poolOf,
  type ProtocolName,
  PROTOCOLS,
} from "../../scoring/protocols.ts";
import type { Pool } from "../../scoring/protocols/pools.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";

/** Name of the paper's scores beside the protocols. */
export const PAPER_PROTOCOL = "paper";

/** The paper's scores and all protocols, in the order of tables. */
export const ALL_PROTOCOLS: readonly string[] = [PAPER_PROTOCOL, ...Object.keys(PROTOCOLS)];

/** Column of the samples of all classes together. */
export const ALL = "All";

/** Numbers of which lower is better. */
export const LOWER: readonly NumberName[] = ["distance", "peakWrong", "meanWrong", "ece", "brier"];

/** The numbers of a protocol. */
export interface ScoredNumbers {
  /** Names of the numbers in an entry of a sample. */
  readonly fields: readonly string[];
  /** Names of the numbers of samples together. */
  readonly scores: readonly NumberName[];
  /** Scores samples together; absent for plain means over the entries. */
  readonly pool?: Pool;
  /** The numbers are means over the entries, so that a sample has numbers of its own. */
  readonly areMeans: boolean;
}

/** The numbers of a protocol, or of {@linkcode PAPER_PROTOCOL}. */
export function numbersBy(protocol: string): ScoredNumbers {
  if (protocol === PAPER_PROTOCOL) return { fields: SCORES, scores: SCORES, areMeans: true };
  const name = protocol as ProtocolName;
  const [fields, scores, pool] = [PROTOCOLS[name], numbersOf(name), poolOf(name)];
  return { fields, scores, ...(pool && { pool }), areMeans: scores === fields };
}

/** Numbers of a result by a protocol, row-major; `undefined` if the protocol does not count it. */
export function entriesOf(result: SampleResult, protocol: string): Float64Array | undefined {
  if (protocol === PAPER_PROTOCOL) {
    return result.status === "scored"
      ? Float64Array.from(SCORES, (score) => result[score])
      : undefined;
  }
  const entries = "protocols" in result ? result.protocols?.[protocol] : undefined;
  if (!entries || entries.length === 0) return undefined;
  const { fields } = numbersBy(protocol);
  return Float64Array.from(entries.flatMap((entry) => fields.map((name) => entry[name]!)));
}
