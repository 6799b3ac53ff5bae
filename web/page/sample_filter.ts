/**
 * Selects and sorts the samples in the list.
 *
 * @module
 */

import type { SampleRow } from "../review_api.ts";
import { scoreText, type ShownScore } from "./scores.ts";

/** The user's filters and sort order. */
export interface Wanted {
  /** Text to find in ids, phrases and reasons; case is ignored. */
  readonly words: string;
  /** A class; empty for all. */
  readonly category: string;
  /** A status; empty for all. */
  readonly status: string;
  /** Bounds of a score, in the unit of the list; samples without the score are left out. */
  readonly range?: {
    readonly score: ShownScore;
    /** Lowest score, included; NaN for no bound. */
    readonly from: number;
    /** Highest score, included; NaN for no bound. */
    readonly to: number;
  };
  /** Sort key. */
  readonly sort: "dataset" | "phrase" | "class" | ShownScore;
  readonly descending: boolean;
}

/** The selected samples. */
export interface Selection {
  readonly rows: readonly SampleRow[];
  /** Number of samples that match the other filters but lack the range's score. */
  readonly unscored: number;
}

/** Selects samples and sorts them; ties take the dataset's order, reversed if descending. */
export function selectSamples(all: readonly SampleRow[], wanted: Wanted): Selection {
  const words = wanted.words.toLowerCase();
  const matching = all.filter((row) =>
    (wanted.category === "" || row.category === wanted.category) &&
    (wanted.status === "" || row.status === wanted.status) &&
    `${row.id} ${row.phrase ?? ""} ${row.reason ?? ""}`.toLowerCase().includes(words)
  );
  const { range } = wanted;
  const scored = range ? matching.filter((row) => row[range.score.name] !== undefined) : matching;
  const direction = wanted.descending ? -1 : 1;
  const rows = scored
    .filter((row) => !range || isWithin(row, range))
    .map((row) => ({ row, key: keyOf(row, wanted.sort) }))
    .sort(({ row: one, key: a }, { row: other, key: b }) =>
      direction * (a < b ? -1 : a > b ? 1 : one.index - other.index)
    )
    .map(({ row }) => row);
  return { rows, unscored: matching.length - scored.length };
}

function isWithin(row: SampleRow, { score, from, to }: NonNullable<Wanted["range"]>): boolean {
  // Compare the rounded value of the list: a listed 30.0 is not below 30.
  const value = Number(scoreText(score, row[score.name]));
  return !(value < from) && !(value > to);
}

function keyOf(row: SampleRow, sort: Wanted["sort"]): number | string {
  switch (sort) {
    case "dataset":
      return row.index;
    case "phrase":
      return row.phrase ?? "";
    case "class":
      return row.category ?? "";
    default:
      return row[sort.name] ?? -Infinity;
  }
}
