import { parse } from "@std/csv";
import type { NumberName } from "../../scoring/protocols.ts";
import { PAPER_PROTOCOL } from "../statistics/scored_numbers.ts";
import { PAPER, TABLE_ONE } from "../tables/published.ts";
import others from "./published.csv" with { type: "text" };

/** A published number. */
export interface PublishedScore {
  /** Dataset, as the `kind` of a run. */
  readonly dataset: string;
  /** Protocol that gives the number, or {@linkcode OTHER_PROTOCOL}. */
  readonly protocol: string;
  readonly method: string;
  /** A class, `Avg` or `All`. */
  readonly column: string;
  readonly score: NumberName;
  /** The number as printed; shares in per cent. */
  readonly value: string;
  /** Samples of the number, in words. */
  readonly samples: string;
  /** Paper or page that printed the number. */
  readonly source: string;
}

/** Protocol of a published number that no protocol of ours computes. */
export const OTHER_PROTOCOL = "other protocol";

/**
 * All published numbers: the paper's Table I, and those of other papers by their own protocols, in
 * the order of `published.csv`.
 */
export const PUBLISHED_SCORES: readonly PublishedScore[] = [
  ...TABLE_ONE.rows.flatMap(({ method, score, values }) =>
    [...values].map(([column, value]): PublishedScore => ({
      ...{ dataset: "ms-cxr", protocol: PAPER_PROTOCOL, method, column, score, value },
      ...{ samples: "1153 pairs", source: `${PAPER}, ${TABLE_ONE.name}` },
    }))
  ),
  ...parse(others, { skipFirstRow: true }) as unknown as PublishedScore[],
];
