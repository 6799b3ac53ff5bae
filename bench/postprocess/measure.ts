/**
 * Measures one case: first whether the contenders agree, then their times.
 *
 * @module
 */

import {
  type Case,
  compare,
  type Difference,
  type Group,
  type HeatmapShape,
  isSame,
  type Outcome,
  toOutcome,
} from "./cases.ts";
import type { Peers } from "./peers.ts";
import { type Contender, type RoundsOptions, type Spread, timeInTurn } from "./rounds.ts";

/** The contenders, in the order of the columns. */
export const CONTENDERS = ["typescript", "shaders", "released", "best"] as const;

/** Name of a contender. */
export type ContenderName = typeof CONTENDERS[number];

/** Measurements of one case. */
export interface Measurement {
  readonly group: Group;
  readonly name: string;
  /** Requested heatmaps; absent for a single kernel. */
  readonly shape?: HeatmapShape;
  /** Milliseconds, readback included. */
  readonly times: Readonly<Partial<Record<ContenderName, Spread>>>;
  /** Milliseconds of the GPU's own time, by timestamps. */
  readonly gpuTime?: Spread;
  /** Differences from plain TypeScript's result, by contender. */
  readonly differences: Readonly<Partial<Record<ContenderName, Difference>>>;
  /** Contenders whose result differs too much; they are not timed. */
  readonly refused: readonly ContenderName[];
}

/**
 * Times a case's contenders in turn. A contender whose result differs from plain TypeScript's is
 * left out.
 */
export async function measureCase(
  subject: Case,
  peers: Peers | undefined,
  options: RoundsOptions,
): Promise<Measurement> {
  const { group, name, shape, parts } = subject;
  const shaders = subject.shaders?.();
  try {
    const runs: [ContenderName, Contender["run"], () => Outcome | Promise<Outcome>][] = [
      ["typescript", () => void subject.typescript(), () => subject.typescript()],
    ];
    if (shaders) {
      const run = () => shaders.run();
      runs.push(["shaders", async () => void await run(), run]);
    }
    for (const peer of ["released", "best"] as const) {
      const request = subject.peers[peer];
      if (!peers || !request) continue;
      const outcome = async () => toOutcome((await peers.run(request, true)).values, parts);
      runs.push([peer, async () => (await peers.run(request)).milliseconds, outcome]);
    }
    const expected = subject.typescript();
    const pixels = expected.masked?.length ?? 0;
    const differences: Partial<Record<ContenderName, Difference>> = {};
    const refused: ContenderName[] = [];
    for (const [contender, , outcome] of runs.slice(1)) {
      const difference = differences[contender] = compare(expected, await outcome());
      if (!isSame(difference, pixels)) refused.push(contender);
    }
    const chosen = runs.filter(([contender]) => !refused.includes(contender));
    const spreads = await timeInTurn(chosen.map(([, run]) => ({ run })), options);
    const times = Object.fromEntries(chosen.map(([contender], i) => [contender, spreads[i]!]));
    const timed = shaders?.gpuMilliseconds;
    const [gpuTime] = timed ? await timeInTurn([{ run: timed }], options) : [];
    return {
      group,
      name,
      ...(shape && { shape }),
      times,
      ...(gpuTime && { gpuTime }),
      differences,
      refused,
    };
  } finally {
    shaders?.destroy();
  }
}
