/**
 * Which samples of a run are listed, and in which order.
 *
 * @module
 */

import type { SampleRow } from "../results.ts";
import { scoreText, type ShownScore } from "./scores.ts";

/** What the user wants to see. */
export interface Wanted {
  /** What is searched for in ids, phrases and reasons, whatever the case. */
  readonly words: string;
  /** A class; empty for all. */
  readonly category: string;
  /** A status; empty for all. */
  readonly status: string;
  /** A score that samples must have, within bounds in the unit that it is shown in. */
  readonly range?: {
    readonly score: ShownScore;
    /** The least, NaN for any. */
    readonly from: number;
    /** The most, NaN for any. */
    readonly to: number;
  };
  /** What is sorted by. */
  readonly sort: "dataset" | "phrase" | "class" | ShownScore;
  readonly descending: boolean;
}

/** What is listed. */
export interface Selection {
  readonly rows: readonly SampleRow[];
  /** How many more there would be, had they the score that the range is of. */
  readonly unscored: number;
}

/** Selects samples and sorts them; equals stay in the dataset's order. */
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
  // As it is listed: what reads 30.0 is not below 30.
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
