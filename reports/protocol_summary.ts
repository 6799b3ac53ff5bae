/**
 * Numbers of further protocols to means by class.
 *
 * @module
 */

import { type ProtocolName, PROTOCOLS, type ProtocolScores } from "../pipeline/protocols.ts";
import { NumberRows } from "./_number_rows.ts";
import { bootstrapMeans, type Interval } from "./bootstrap.ts";

/** Means of a protocol's numbers, by their names. */
export interface ProtocolMeans {
  /** The means. */
  readonly means: Readonly<Record<string, number>>;
  /** Bootstrap intervals; absent where there is a single sample in a class. */
  readonly intervals?: Readonly<Record<string, Interval>>;
}

/** What a run comes to by one protocol. */
export interface ProtocolSummary {
  /** One entry a class; `count` is of what the protocol takes for a sample. */
  readonly classes: readonly (ProtocolMeans & {
    readonly category: string;
    readonly count: number;
  })[];
  /** Unweighted mean over the classes; absent where nothing was scored. */
  readonly average?: ProtocolMeans;
}

/** Takes in the numbers of samples as they come; keeps nothing else of them. */
export class ProtocolSums {
  readonly #rows = new Map<string, Map<string, NumberRows>>();

  /** Takes in one sample of a class. */
  add(category: string, protocols: ProtocolScores): void {
    for (const [name, entries] of Object.entries(protocols)) {
      const classes = this.#rows.get(name) ?? new Map<string, NumberRows>();
      this.#rows.set(name, classes);
      const names = PROTOCOLS[name as ProtocolName];
      for (const entry of entries) {
        const rows = classes.get(category) ?? new NumberRows(names.length);
        classes.set(category, rows);
        rows.add(names.map((number) => entry[number]!));
      }
    }
  }

  /**
   * The summaries so far, by protocol.
   *
   * @param inOrder Puts classes in their order.
   */
  toJSON(
    inOrder: (categories: Iterable<string>) => string[],
  ): Record<string, ProtocolSummary> {
    return Object.fromEntries(
      [...this.#rows].map(([name, classes]) => [
        name,
        summarise(PROTOCOLS[name as ProtocolName], classes, inOrder(classes.keys())),
      ]),
    );
  }
}

function summarise(
  names: readonly string[],
  rows: ReadonlyMap<string, NumberRows>,
  categories: readonly string[],
): ProtocolSummary {
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const samples = categories.map((category) => rows.get(category)!.sorted());
  const means = samples.map((values) => meansOf(values, names.length));
  const intervals = bootstrapMeans(samples, names.length);
  const counts = categories.map((category) => rows.get(category)!.count);
  const areKnown = counts.every((count) => count > 1);
  return {
    classes: categories.map((category, i) => ({
      ...{ category, count: counts[i]!, means: byName(means[i]!) },
      ...(counts[i]! > 1 && { intervals: byName(intervals.classes[i]!) }),
    })),
    ...(categories.length > 0 && {
      average: {
        means: byName(meansOf(Float64Array.from(means.flat()), names.length)),
        ...(areKnown && { intervals: byName(intervals.average) }),
      },
    }),
  };
}

/** Means of rows of numbers that are one after another. */
function meansOf(values: Float64Array, width: number): number[] {
  const sums = new Array<number>(width).fill(0);
  values.forEach((value, i) => sums[i % width]! += value);
  return sums.map((sum) => sum / (values.length / width));
}
