import { UsageError } from "../../base/options.ts";
import { type NumberName, PROTOCOLS } from "../../scoring/protocols.ts";
import { meanPool, type Pool } from "../../scoring/protocols/pools.ts";
import { SCORES } from "../../scoring/score_heatmap.ts";
import { LOWER, numbersBy, PAPER_PROTOCOL } from "../statistics/scored_numbers.ts";
import { SCORE_STYLES } from "../tables/result_table.ts";

/** A number of a protocol. */
export interface Metric {
  /** Protocol, or {@linkcode PAPER_PROTOCOL}. */
  readonly protocol: string;
  readonly score: NumberName;
  /** Place among the numbers of the protocol. */
  readonly place: number;
  /** 1 if higher is better, -1 if lower is. */
  readonly sign: 1 | -1;
  /** Scores samples together. */
  readonly pool: Pool;
}

/** Letters and digits of a name in lower case, so that `mIoU %` is `miou`; bars tell `|CNR|`. */
const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9|]/g, "");

/**
 * Parses the name of a number: one of the paper's scores (`mIoU`, `CNR`, …), a protocol, which stands
 * for its first number, or `PROTOCOL:NUMBER`, with the number as in tables' CSV files.
 *
 * @throws {UsageError} If there is no such number.
 */
export function parseMetric(text: string): Metric {
  const [name, ...rest] = text.split(":").map((part) => part.trim());
  const isNamed = name === PAPER_PROTOCOL || Object.hasOwn(PROTOCOLS, name!);
  const protocol = isNamed ? name! : PAPER_PROTOCOL;
  const wanted = isNamed ? rest : [text];
  const { scores: known, pool = meanPool(known.length) } = numbersBy(protocol);
  const namesOf = (score: NumberName) => {
    const { key, label } = SCORE_STYLES[score];
    return [score, key, label].map(plain);
  };
  const place = wanted.length === 0
    ? 0
    : known.findIndex((score) => namesOf(score).includes(plain(wanted.join(":"))));
  const score = known[place];
  if (score === undefined) {
    const listed = protocol === PAPER_PROTOCOL
      ? [...SCORES, ...Object.keys(PROTOCOLS)]
      : known.map((score) => `${protocol}:${SCORE_STYLES[score].key}`);
    throw new UsageError(`Option "--metric" must be one of ${listed.join(", ")}, got "${text}"`);
  }
  return { protocol, score, place, sign: LOWER.includes(score) ? -1 : 1, pool };
}
