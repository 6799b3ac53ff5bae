import type { SampleResult } from "../../pipeline/evaluate.ts";
import { type Units, unitsOf } from "../../runs/patients.ts";
import type { Run } from "../../runs/run.ts";
import { isGrounded } from "../../runs/run_folder.ts";
import type { NumberName } from "../../scoring/protocols.ts";
import { estimate } from "../statistics/cohort.ts";
import { unitIntervals } from "../statistics/resample_units.ts";
import { ALL, ALL_PROTOCOLS, entriesOf, LOWER, numbersBy } from "../statistics/scored_numbers.ts";
import { BOOTSTRAP, type Bootstrap } from "../tables/bootstrap.ts";
import { type GroupChoice, type Grouping, groupSamples, UNKNOWN } from "./group_by.ts";

/** A number with the ends of its interval, if it has one. */
export interface GroupNumber {
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
}

/** Scores of the samples of one group. */
export interface GroupScores {
  readonly group: string;
  readonly samples: number;
  /** Patients or images of the samples. */
  readonly units: number;
  /** Means over samples, or scores of the samples together, by name; shares are 0..1. */
  readonly numbers: Readonly<Partial<Record<NumberName, GroupNumber>>>;
}

/** The worst group by one score, and its gap to the best. */
export interface Gap extends GroupNumber {
  readonly score: NumberName;
  readonly worst: string;
  readonly best: string;
}

/** Scores by the groups of one fact. */
export interface GroupTable {
  /** Setting or method of the run; empty if it has one. */
  readonly setting: string;
  readonly protocol: string;
  readonly by: string;
  readonly groups: readonly GroupScores[];
  /** Gaps among groups with at least two units; `unknown` does not count. */
  readonly gaps: readonly Gap[];
}

/** Scores of a run by groups. */
export interface RunGroups {
  readonly samples: number;
  readonly unit: Units["unit"];
  readonly units: number;
  readonly bootstrap: Bootstrap;
  /** Ids of the samples without a row in the table of facts. */
  readonly unjoined: readonly string[];
  /** Sentences about the join, bands and values that do not count. */
  readonly notes: readonly string[];
  readonly tables: readonly GroupTable[];
}

/**
 * Scores a run by groups of its samples: for each setting, protocol and fact the mean over the samples
 * of a group, with an interval over patients. Each draw takes patients with all their samples, so that
 * a gap compares both groups on the same draw.
 *
 * @param choice Table of facts, and the facts to group by.
 * @throws {Error} As {@linkcode groupSamples}.
 */
export async function scoreGroups(run: Run, choice: GroupChoice): Promise<RunGroups> {
  const all = await Array.fromAsync(run.samples());
  const firsts = all.map((results) => results.find(isGrounded) ?? results[0]!);
  const { groupings, unjoined, notes } = await groupSamples(run, firsts, choice);
  const { unit, names } = unitsOf(firsts);
  const unitOf = new Map(firsts.map(({ id }, i) => [id, names[i]!]));
  const tables = run.record.variants.flatMap((setting) => {
    const own = all.map((results) =>
      results.find((result) => (result.setting ?? setting) === setting)!
    );
    return ALL_PROTOCOLS.flatMap((protocol) =>
      groupings.flatMap((grouping) => scoreOne(setting, protocol, grouping, own, unitOf))
    );
  });
  return {
    ...{ samples: all.length, unit, units: new Set(names).size, bootstrap: BOOTSTRAP, unjoined },
    notes: [...notes, ...groupings.flatMap((grouping) => grouping.notes)],
    tables,
  };
}

/** Scores the groups of one fact by one protocol; nothing if the protocol counts no sample. */
function scoreOne(
  setting: string,
  protocol: string,
  { by, groups: all, places }: Grouping,
  results: readonly SampleResult[],
  unitOf: ReadonlyMap<string, string>,
): GroupTable[] {
  const { scores, pool } = numbersBy(protocol);
  const counted = results.flatMap((result) => {
    const entries = entriesOf(result, protocol);
    const category = all[places.get(result.id)!]!;
    return entries ? [{ numbers: [entries], category, unit: unitOf.get(result.id)! }] : [];
  });
  if (counted.length === 0) return [];
  const groups = all.filter((group) => counted.some(({ category }) => category === group));
  const width = scores.length;
  const { unitCount, values } = estimate(counted, groups, width, pool);
  const rows = (weights: ArrayLike<number>) => values(weights)[0]!;
  const whole = rows(new Float64Array(unitCount).fill(1));
  const members = [...groups, ALL].map((group, place) => {
    const own = counted.filter(({ category }) => place === groups.length || category === group);
    return { samples: own.length, units: new Set(own.map(({ unit }) => unit)).size };
  });
  const compared = scores.map((score, k) => {
    const order = [...groups.keys()]
      .filter((place) => groups[place] !== UNKNOWN && members[place]!.units > 1)
      .filter((place) => !Number.isNaN(whole[place * width + k]))
      .sort((one, other) => whole[one * width + k]! - whole[other * width + k]!);
    if (LOWER.includes(score)) order.reverse();
    return order.length > 1 ? [order[0]!, order.at(-1)!] as const : undefined;
  });
  /** The best group minus the worst; below 0 where lower is better. */
  const gapsOf = (found: Float64Array) =>
    compared.map((pair, k) =>
      pair ? found[pair[1] * width + k]! - found[pair[0] * width + k]! : NaN
    );
  const intervals = unitIntervals(unitCount, (weights) => {
    const found = rows(weights);
    return Float64Array.from([...found, ...gapsOf(found)]);
  });
  const numberAt = (value: number, at: number, hasInterval: boolean): GroupNumber => {
    const [low, high] = hasInterval ? intervals[at] ?? [] : [];
    return { value, ...(low !== undefined && high !== undefined && { low, high }) };
  };
  const groupScores = [...groups, ALL].map((group, place): GroupScores => {
    const { samples, units } = members[place]!;
    const numbers = scores.flatMap((score, k) => {
      const at = place * width + k;
      if (Number.isNaN(whole[at])) return [];
      return [[score, numberAt(whole[at]!, at, units > 1)] as const];
    });
    return { group, samples, units, numbers: Object.fromEntries(numbers) };
  });
  const base = (groups.length + 1) * width;
  const gaps = gapsOf(whole).flatMap((value, k): Gap[] => {
    const pair = compared[k];
    if (!pair) return [];
    const [worst, best] = pair.map((place) => groups[place]!) as [string, string];
    const gap = numberAt(value, base + k, true);
    return [{ score: scores[k]!, worst, best, ...gap }];
  });
  return [{ setting, protocol, by, groups: groupScores, gaps }];
}
