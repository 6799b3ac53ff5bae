import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { NumberName } from "../../scoring/protocols.ts";
import { type Units, unitsOf } from "../../runs/patients.ts";
import { inClassOrder } from "../tables/class_means.ts";
import { BOOTSTRAP, type Bootstrap } from "../tables/bootstrap.ts";
import { describeLeak, leakOf } from "../tables/method_notes.ts";
import { NO_CLASS, ScoreSummary } from "../tables/summary.ts";
import type { CohortSample } from "../statistics/cohort.ts";
import { estimateColumns } from "../statistics/column_numbers.ts";
import { holm, mcNemar } from "../statistics/paired_tests.ts";
import { FLIPS, signFlip, unitIntervals } from "../statistics/resample_units.ts";
import { ALL, ALL_PROTOCOLS, entriesOf, LOWER, numbersBy } from "../statistics/scored_numbers.ts";
import { type Column, matchSamples } from "./read_columns.ts";

/** A number of a class by two methods. */
export interface ComparedNumber {
  /** The method that is compared, and the method that it is compared with. */
  readonly method: string;
  readonly against: string;
  /** Protocol, or `paper`. */
  readonly protocol: string;
  readonly score: NumberName;
  /** A class, the mean of a group, `Avg` over the classes, or `All` samples together. */
  readonly class: string;
  /** Number of samples that count by this protocol, and of their units. */
  readonly samples: number;
  readonly units: number;
  /** The number of each method on these samples; shares are 0..1. */
  readonly value: number;
  readonly valueAgainst: number;
  /** The former minus the latter. */
  readonly difference: number;
  /** Paired bootstrap interval of the difference; absent with a single unit. */
  readonly low?: number;
  readonly high?: number;
  /** Two-sided p of the sign-flip test over units, and after Holm's correction. */
  readonly p: number;
  readonly pHolm: number;
  /** Samples on which the method is better, equal and worse; absent without a score a sample. */
  readonly wins?: number;
  readonly ties?: number;
  readonly losses?: number;
}

/** Complete misses of two methods in one class: samples with an mIoU of 0. */
export interface ComparedMisses {
  readonly method: string;
  readonly against: string;
  readonly class: string;
  readonly samples: number;
  /** Samples that both miss, that only the one misses, and that only the other misses. */
  readonly both: number;
  readonly onlyMethod: number;
  readonly onlyAgainst: number;
  /** p of McNemar's exact test, and after Holm's correction. */
  readonly p: number;
  readonly pHolm: number;
}

/** A sample with the mIoU of two methods. */
export interface ComparedSample {
  readonly method: string;
  readonly against: string;
  readonly id: string;
  readonly phrase: string;
  readonly class: string;
  readonly miou: number;
  readonly miouAgainst: number;
  readonly difference: number;
}

/** A comparison of methods on the same samples. */
export interface Comparison {
  /** Names of the columns; all others are compared with the first. */
  readonly columns: readonly string[];
  readonly samples: number;
  /** Unit that is drawn and flipped, and the number of units. */
  readonly unit: Units["unit"];
  readonly units: number;
  readonly bootstrap: Bootstrap;
  /** Most sign flips, of means and of scores of samples together. */
  readonly flips: typeof FLIPS & { readonly seed: number };
  /** Sentences about samples and protocols that were left out. */
  readonly notes: readonly string[];
  readonly numbers: readonly ComparedNumber[];
  readonly misses: readonly ComparedMisses[];
  /** Samples that differ most by mIoU, of each method. */
  readonly most: readonly ComparedSample[];
}

/** Most samples in {@linkcode Comparison.most} for each method. */
const MOST = 10;

/** A comparison, and the samples that it is of. */
export interface ComparedRuns {
  readonly comparison: Comparison;
  readonly samples: readonly (readonly SampleResult[])[];
}

/**
 * Compares columns with the first column on the same samples.
 *
 * @param columns At least two columns, see {@linkcode matchSamples}.
 * @param isCommon Compare only the samples that all columns share.
 * @throws {Error} As {@linkcode matchSamples}.
 */
export async function compareColumns(
  columns: readonly Column[],
  isCommon: boolean,
): Promise<ComparedRuns> {
  const { samples, notes } = await matchSamples(columns, isCommon);
  const comparison = compareSamples(
    columns.map(({ name }) => name),
    samples,
    [...notes, ...leakNotes(columns, samples)],
    versionNotes(columns),
  );
  return { samples, comparison };
}

/** A protocol that is left out of the comparison with the column after the first, and its reason. */
interface LeftOut {
  readonly i: number;
  readonly protocol: string;
  readonly note: string;
}

/**
 * Compares results of the same samples.
 *
 * @param names Names of the columns; all others are compared with the first.
 * @param samples Results of each sample, in the order of the columns.
 * @param notes Sentences about samples that were left out.
 * @param versions Protocols that are left out.
 */
export function compareSamples(
  names: readonly string[],
  samples: readonly (readonly SampleResult[])[],
  notes: readonly string[] = [],
  versions: readonly LeftOut[] = [],
): Comparison {
  const { unit, names: units } = unitsOf(
    // A run may state patients that an earlier run left out.
    samples.map((results) => ({ ...results.find(({ patient }) => patient), ...results[0]! })),
  );
  const pairs = names.slice(1).map((method, i) => {
    const rows = samples.map((results, place): Pair => ({
      method: results[i + 1]!,
      against: results[0]!,
      category: results[0]!.category ?? NO_CLASS,
      unit: units[place]!,
    }));
    return { labels: { method, against: names[0]! }, rows };
  });
  const groups = new Map(
    samples.map((results) => results[0]!).flatMap(({ category, group }) =>
      category !== undefined && group !== undefined ? [[category, group] as const] : []
    ),
  );
  const numbers = correct(
    pairs.flatMap(({ labels, rows }, i) =>
      ALL_PROTOCOLS
        .filter((protocol) =>
          !versions.some((other) => other.protocol === protocol && other.i === i)
        )
        .flatMap((protocol) =>
          compareProtocol(protocol, rows, groups).map((number) => ({ ...labels, ...number }))
        )
    ),
  );
  return {
    columns: names,
    samples: samples.length,
    ...{ unit, units: new Set(units).size, bootstrap: BOOTSTRAP },
    flips: { ...FLIPS, seed: BOOTSTRAP.seed },
    notes: [...notes, ...versions.map(({ note }) => note)],
    numbers,
    misses: correct(pairs.flatMap(({ labels, rows }) => compareMisses(labels, rows))),
    most: pairs.flatMap(({ labels, rows }) => mostDifferent(labels, rows)),
  };
}

/** Results of one sample by two methods. */
export interface Pair {
  readonly method: SampleResult;
  readonly against: SampleResult;
  readonly category: string;
  readonly unit: string;
}

/** Sentences about samples that a column's method was trained on. */
function leakNotes(
  columns: readonly Column[],
  samples: readonly (readonly SampleResult[])[],
): string[] {
  return columns.flatMap(({ name, setting, run: { record } }, i) => {
    const sums = new ScoreSummary();
    for (const results of samples) sums.add(results[i]!);
    const text = describeLeak(leakOf(record, setting, sums));
    return text === undefined ? [] : [`${name}: ${text}.`];
  });
}

/** Sentences about protocols of which two columns have different versions. */
function versionNotes(columns: readonly Column[]): LeftOut[] {
  const versionsOf = ({ run: { record: { facts } } }: Column) =>
    (facts.protocolVersions ?? {}) as Readonly<Record<string, unknown>>;
  const first = versionsOf(columns[0]!);
  return columns.slice(1).flatMap((column, i) => {
    const own = versionsOf(column);
    return Object.keys(own).filter((name) => name in first && first[name] !== own[name])
      .map((protocol) => ({
        ...{ i, protocol },
        note: `Protocol ${protocol} is left out: ${columns[0]!.name} has version ` +
          `${first[protocol]} and ${column.name} version ${own[protocol]}.`,
      }));
  });
}

/**
 * Compares all numbers of a protocol; none if no sample has numbers of both methods.
 *
 * @param protocol A protocol, or `paper`.
 */
export function compareProtocol(
  protocol: string,
  pairs: readonly Pair[],
  groups: ReadonlyMap<string, string>,
): ReturnType<typeof compareEntries> {
  const counted = pairs.flatMap(({ method, against, category, unit }) => {
    const [own, other] = [entriesOf(method, protocol), entriesOf(against, protocol)];
    return own && other ? [{ numbers: [other, own], category, unit }] : [];
  });
  return compareEntries(protocol, counted, groups);
}

/**
 * Compares all numbers of a protocol, as {@linkcode compareColumns} does.
 *
 * @param protocol Protocol, or `paper`.
 * @param pairs Numbers of each sample by the method that is compared with, and by the method that is
 * compared; a mean needs as many numbers of both methods.
 * @param groups Group of each class, if the dataset has groups.
 */
export function compareEntries(
  protocol: string,
  pairs: readonly CohortSample[],
  groups: ReadonlyMap<string, string>,
): Omit<ComparedNumber, "method" | "against" | "pHolm">[] {
  const { scores, pool, areMeans } = numbersBy(protocol);
  const counted = areMeans
    ? pairs.filter(({ numbers: [other, own] }) => own!.length === other!.length)
    : pairs;
  if (counted.length === 0) return [];
  const width = scores.length;
  const most = areMeans ? FLIPS.means : FLIPS.pools;
  const estimateOf = (own: typeof counted) =>
    estimateColumns(own, groups, width, areMeans ? undefined : pool);
  const { columns, unitCount, values, differences } = estimateOf(counted);
  const [against, method] = values(new Float64Array(unitCount).fill(1)) as [
    Float64Array,
    Float64Array,
  ];
  const intervals = unitIntervals(unitCount, (weights) => {
    const [first, second] = values(weights);
    return second!.map((value, at) => value - first![at]!);
  });
  const ps = signFlip(unitCount, differences, most);
  const exactP = (own: typeof counted, name: string) => {
    const { columns, unitCount, differences } = estimateOf(own);
    const place = columns.names.indexOf(name) * width;
    const gaps = (isSwapped: Uint8Array) => differences(isSwapped).subarray(place, place + width);
    return signFlip(unitCount, gaps, most);
  };
  return columns.names.flatMap((name, column) => {
    const own = counted.filter(({ category }) => columns.isIn(category, name));
    const units = new Set(own.map(({ unit }) => unit)).size;
    // Few units of many have an exact p of their own.
    const exact = 2 ** units <= most && units < unitCount
      ? exactP(own, name)
      : ps.subarray(column * width);
    return scores.flatMap((score, k) => {
      const at = column * width + k;
      // A method may lack a number altogether, such as the contrast of boxes.
      if (Number.isNaN(method[at])) return [];
      const [low, high] = units > 1 ? intervals[at] ?? [] : [];
      return [{
        ...{ protocol, score, class: name, samples: own.length, units },
        ...{ value: method[at]!, valueAgainst: against[at]! },
        difference: method[at]! - against[at]!,
        ...(low !== undefined && high !== undefined && { low, high }),
        p: exact[k]!,
        ...(areMeans && countWins(own, k, width, LOWER.includes(score))),
      }];
    });
  });
}

/** Counts the samples on which the method is better, equal and worse by the mean of a number. */
function countWins(
  samples: readonly CohortSample[],
  field: number,
  width: number,
  isLowerBetter: boolean,
): Pick<ComparedNumber, "wins" | "ties" | "losses"> {
  let [wins, ties, losses] = [0, 0, 0];
  for (const { numbers: [other, own] } of samples) {
    let gap = 0;
    for (let at = field; at < own!.length; at += width) gap += own![at]! - other![at]!;
    if (Number.isNaN(gap)) continue;
    if (gap === 0) ties++;
    else if (gap > 0 !== isLowerBetter) wins++;
    else losses++;
  }
  return { wins, ties, losses };
}

/** Adds p-values after Holm's correction over all methods and numbers of a class. */
export function correct<T extends { readonly class: string; readonly p: number }>(
  tests: readonly T[],
): (T & { readonly pHolm: number })[] {
  const corrected = tests.map(() => NaN);
  for (const own of Map.groupBy(tests.keys(), (i) => tests[i]!.class).values()) {
    holm(own.map((i) => tests[i]!.p)).forEach((p, place) => corrected[own[place]!] = p);
  }
  return tests.map((test, i) => ({ ...test, pHolm: corrected[i]! }));
}

/** Names of two compared methods. */
type Labels = Pick<ComparedNumber, "method" | "against">;

/** The samples that both methods scored, with their mIoU. */
function overlaps(pairs: readonly Pair[]) {
  return pairs.flatMap(({ method, against, category }) =>
    method.status === "scored" && against.status === "scored"
      ? [{ result: method, category, miou: method.miou, miouAgainst: against.miou }]
      : []
  );
}

function compareMisses(labels: Labels, pairs: readonly Pair[]): Omit<ComparedMisses, "pHolm">[] {
  const all = overlaps(pairs);
  if (all.length === 0) return [];
  const classes = inClassOrder(all.map(({ category }) => category));
  return [...classes, ALL].map((name) => {
    const own = all.filter(({ category }) => name === ALL || category === name);
    const count = (isMiss: boolean, isOtherMiss: boolean) =>
      own.filter(({ miou, miouAgainst }) =>
        (miou === 0) === isMiss && (miouAgainst === 0) === isOtherMiss
      ).length;
    const [onlyMethod, onlyAgainst] = [count(true, false), count(false, true)];
    return {
      ...labels,
      ...{ class: name, samples: own.length, both: count(true, true), onlyMethod, onlyAgainst },
      p: mcNemar(onlyMethod, onlyAgainst),
    };
  });
}

function mostDifferent(labels: Labels, pairs: readonly Pair[]): ComparedSample[] {
  return overlaps(pairs)
    .map(({ result: { id, phrase = "" }, category, miou, miouAgainst }) => ({
      ...labels,
      ...{ id, phrase, class: category, miou, miouAgainst, difference: miou - miouAgainst },
    }))
    .sort((one, other) => Math.abs(other.difference) - Math.abs(one.difference))
    .slice(0, MOST);
}
