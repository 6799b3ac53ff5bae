/**
 * Timing several contenders in turn, so that whatever else the machine does
 * meets all of them.
 *
 * @module
 */

/** How long something took, over several runs. */
export interface Spread {
  /** Median in milliseconds. */
  readonly median: number;
  /** Shortest. */
  readonly min: number;
  /** Longest. */
  readonly max: number;
  /** How many runs. */
  readonly runs: number;
}

/** What is timed. */
export interface Contender {
  /** Does it once; gives its own time in milliseconds where that is not all of the call's. */
  readonly run: () => number | void | Promise<number | void>;
}

/** How long to go on. */
export interface RoundsOptions {
  /** Most rounds. */
  readonly rounds: number;
  /**
   * Seconds after which no round begins; there are always three.
   *
   * @default {10}
   */
  readonly seconds?: number;
  /**
   * Rounds before those that count.
   *
   * @default {2}
   */
  readonly warmUps?: number;
}

/** A contender above this many milliseconds sits out four rounds of five. */
const SLOW = 200;

/** Fewest rounds that count. */
const FEWEST = 3;

/** The spread of some milliseconds. */
export function spreadOf(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length };
}

/**
 * Times contenders round after round.
 *
 * @returns One spread each, in the same order.
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
