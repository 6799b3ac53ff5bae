/**
 * Times several contenders in turn, so that other load on the machine affects all of them.
 *
 * @module
 */

/** Times of several runs. */
export interface Spread {
  /** Median, in milliseconds. */
  readonly median: number;
  /** Shortest time, in milliseconds. */
  readonly min: number;
  /** Longest time, in milliseconds. */
  readonly max: number;
  /** Number of runs. */
  readonly runs: number;
}

/** A timed contender. */
export interface Contender {
  /** Runs once. A returned number counts as the milliseconds, in place of the call's duration. */
  readonly run: () => number | void | Promise<number | void>;
}

/** Limits of the measurement. */
export interface RoundsOptions {
  /** Highest number of counted rounds. */
  readonly rounds: number;
  /**
   * Seconds after which no further round begins, once three rounds are counted.
   *
   * @default {10}
   */
  readonly seconds?: number;
  /**
   * Rounds before the counted rounds.
   *
   * @default {2}
   */
  readonly warmUps?: number;
}

/** A contender whose warm-up takes more milliseconds than this takes part in one round of five. */
const SLOW = 200;

/** Lowest number of counted rounds. */
const FEWEST = 3;

/** Summarises times in milliseconds. */
export function spreadOf(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

/**
 * Times the contenders in turn, round after round.
 *
 * @returns One spread per contender, in the same order.
 */
export async function timeInTurn(
  contenders: readonly Contender[],
  { rounds, seconds = 10, warmUps = 2 }: RoundsOptions,
): Promise<Spread[]> {
  const times = contenders.map((): number[] => []);
  const isSlow = contenders.map(() => false);
  let end = Infinity;
  for (let round = -warmUps; round < rounds; round++) {
    if (round === 0) end = performance.now() + 1000 * seconds;
    if (round >= FEWEST && performance.now() > end) break;
    for (const [i, { run }] of contenders.entries()) {
      if (isSlow[i] && (round < 0 || round % 5 > 0)) continue;
      const began = performance.now();
      const own = await run();
      const took = own ?? performance.now() - began;
      if (round < 0) isSlow[i] = took > SLOW;
      else times[i]!.push(took);
    }
  }
  return times.map(spreadOf);
}
