/**
 * Numbers of further protocols to means by class.
 *
 * @module
 */

import { type ProtocolName, PROTOCOLS, type ProtocolScores } from "../../scoring/protocols.ts";
import { meansByClass, type NumberMeans } from "./class_means.ts";
import { NumberRows } from "./number_rows.ts";
import type { Interval } from "./bootstrap.ts";

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

  /** The summaries so far, by protocol. */
  toJSON(): Record<string, ProtocolSummary> {
    return Object.fromEntries(
      [...this.#rows].map((
        [name, rows],
      ) => [name, summarise(PROTOCOLS[name as ProtocolName], rows)]),
    );
  }
}

function summarise(
  names: readonly string[],
  rows: ReadonlyMap<string, NumberRows>,
): ProtocolSummary {
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const named = ({ means, intervals }: NumberMeans): ProtocolMeans => ({
    means: byName(means),
    ...(intervals && { intervals: byName(intervals) }),
  });
  const { classes, average } = meansByClass(rows, names.length);
  return {
    classes: classes.map(({ category, count, ...means }) => ({
      ...{ category, count },
      ...named(means),
    })),
    ...(average && { average: named(average) }),
  };
}
