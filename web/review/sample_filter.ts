import type { SampleRow } from "../review_api.ts";
import { scoreText, type ShownScore } from "./scores.ts";

/** A sample: its place in the run, from 0, and a result of each method, in the methods' order. */
export interface ListedSample {
  readonly place: number;
  readonly rows: readonly SampleRow[];
}

/** The user's filters and sort order. */
export interface Wanted {
  /** Words to find in ids, phrases, classes and reasons; all must be there, in any case. */
  readonly words: string;
  /** A class and a status; empty for all. */
  readonly category: string;
  readonly status: string;
  /** Method whose scores count; empty for each sample's first. */
  readonly method: string;
  /** Bounds of a score, in the unit of the list; samples without the score are left out. */
  readonly range?: {
    readonly score: ShownScore;
    /** Lowest and highest score, included; NaN for no bound. */
    readonly from: number;
    readonly to: number;
  };
  /** Sort key; `gap` is the difference to the first method, and `most` its size. */
  readonly sort: "dataset" | "phrase" | "class" | "gap" | "most" | ShownScore;
  readonly descending: boolean;
}

/** Groups results by their samples, in the order of the samples' first results. */
export function groupSamples(rows: readonly SampleRow[]): ListedSample[] {
  const groups = Map.groupBy(rows, ({ id }) => id);
  return [...groups.values()].map((rows, place) => ({ place, rows }));
}

/** Gives the result whose scores count for a sample. */
export function rowOf({ rows }: ListedSample, method: string): SampleRow {
  return rows.find(({ setting }) => setting === method) ?? rows[0]!;
}

/** Gives the largest difference in mIoU of another method to a sample's first, if both have one. */
export function gapOf({ rows: [first, ...others] }: ListedSample): number | undefined {
  const gaps = others.flatMap(({ miou }) =>
    miou === undefined || first!.miou === undefined ? [] : [miou - first!.miou]
  );
  return gaps.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0];
}

/**
 * Selects samples and sorts them; samples without the key come last in either direction, and ties
 * take the dataset's order. `unscored` counts samples that only lack the range's score.
 */
export function selectSamples(
  all: readonly ListedSample[],
  wanted: Wanted,
): { readonly samples: ListedSample[]; readonly unscored: number } {
  const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
  const { range, method, category, status } = wanted;
  const matching = all.filter((sample) => {
    const row = rowOf(sample, method);
    const text = `${row.id}\n${row.phrase ?? ""}\n${row.category ?? ""}\n${row.reason ?? ""}`
      .toLowerCase();
    return (category === "" || row.category === category) &&
      (status === "" || row.status === status) && words.every((word) => text.includes(word));
  });
  const scored = range
    ? matching.filter((sample) => rowOf(sample, method)[range.score.name] !== undefined)
    : matching;
  const direction = wanted.descending ? -1 : 1;
  const samples = scored
    .filter((sample) => !range || isWithin(rowOf(sample, method), range))
    .map((sample) => ({ sample, key: keyOf(sample, wanted) }))
    .sort(({ sample: one, key: a }, { sample: other, key: b }) => {
      const order = a === undefined || b === undefined
        ? Number(a === undefined) - Number(b === undefined)
        : direction * (a < b ? -1 : a > b ? 1 : 0);
      return order || one.place - other.place;
    })
    .map(({ sample }) => sample);
  return { samples, unscored: matching.length - scored.length };
}

function isWithin(row: SampleRow, { score, from, to }: NonNullable<Wanted["range"]>): boolean {
  // Compare the rounded value of the list: a listed 30.0 is not below 30.
  const value = Number(scoreText(score, row[score.name]));
  return !(value < from) && !(value > to);
}

function keyOf(sample: ListedSample, { sort, method }: Wanted): number | string | undefined {
  const [{ phrase = "", category = "", ...row }, gap] = [rowOf(sample, method), gapOf(sample)];
  if (typeof sort === "object") return row[sort.name];
  const most = Math.abs(gap ?? NaN) || undefined;
  return { dataset: sample.place, phrase, class: category, gap, most }[sort];
}
