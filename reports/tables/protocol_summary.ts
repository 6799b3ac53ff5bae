import {
  numbersOf,
  poolOf,
  type ProtocolName,
  PROTOCOLS,
  type ProtocolScores,
} from "../../scoring/protocols.ts";
import type { Pool } from "../../scoring/protocols/pools.ts";
import {
  AVERAGE,
  type ClassGroups,
  inClassOrder,
  meanColumn,
  meansByClass,
  meansOf,
  type NumberMeans,
} from "./class_means.ts";
import { columnNumbers } from "../statistics/column_numbers.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { type Units, unitsOf } from "../../runs/patients.ts";
import { NumberRows } from "./number_rows.ts";
import { bootstrapPools, type Interval } from "./bootstrap.ts";
import { ALL } from "../statistics/scored_numbers.ts";

/** Means of a protocol's numbers. */
export interface ProtocolMeans {
  /** Means by the name of the protocol's number. */
  readonly means: Readonly<Record<string, number>>;
  /** Bootstrap intervals by the name of the number; absent if a class has a single sample. */
  readonly intervals?: Readonly<Record<string, Interval>>;
}

/** Means of a run by one protocol. */
export interface ProtocolSummary {
  /** One entry per class; `count` is the number of samples, or of boxes for `per-box`. */
  readonly classes: readonly (ProtocolMeans & {
    readonly category: string;
    readonly count: number;
    /** Number of images that have the class; only of `detection`. */
    readonly present?: number;
  })[];
  /** Unweighted mean over the classes; absent if no sample was scored. */
  readonly average?: ProtocolMeans;
  /** Means of each group of classes; absent if the dataset has no groups. */
  readonly groups?: readonly (ProtocolMeans & {
    readonly group: string;
    readonly categories: readonly string[];
  })[];
  /**
   * All samples together; of `generate-to-ground`, whose code prints it as `all`, and of the
   * protocols with a version.
   */
  readonly all?: ProtocolMeans;
  /**
   * Mean in which each sample weighs as many times as its class has samples. Only of
   * `generate-to-ground`, whose code prints it as `Weighted_Average`.
   */
  readonly weighted?: ProtocolMeans;
  /**
   * Units that the intervals draw, with all their samples; only of `detection`. The intervals of other
   * protocols draw samples within each class.
   */
  readonly units?: { readonly unit: Units["unit"]; readonly count: number };
}

/** Place of a sample in the dataset. */
type Place = Pick<SampleResult, "id" | "index" | "image" | "patient">;

/** A sample of a protocol that scores samples together. */
interface PooledSample extends Place {
  readonly category: string;
  readonly index: number;
  /** Row-major `[entries, numbers of a sample]`. */
  readonly numbers: Float64Array;
}

/** Collects the numbers of samples for means by protocol and class. */
export class ProtocolSums {
  readonly #rows = new Map<string, Map<string, NumberRows>>();
  readonly #pooled = new Map<ProtocolName, PooledSample[]>();

  /**
   * Adds one sample of a class.
   *
   * @param place Place in the dataset: boxes of equal scores keep its order, and intervals over units
   * need the patient or the image.
   */
  add(category: string, protocols: ProtocolScores, place: Place): void {
    const { id, index = 0, image, patient } = place;
    const own = { id, ...(image && { image }), ...(patient && { patient }) };
    for (const [key, entries] of Object.entries(protocols)) {
      const name = key as ProtocolName;
      const names: readonly string[] = PROTOCOLS[name];
      if (poolOf(name)) {
        const samples = this.#pooled.get(name) ?? [];
        this.#pooled.set(name, samples);
        if (entries.length === 0) continue;
        const numbers = entries.flatMap((entry) => names.map((number) => entry[number]!));
        samples.push({ ...own, category, index, numbers: Float64Array.from(numbers) });
        continue;
      }
      const classes = this.#rows.get(name) ?? new Map<string, NumberRows>();
      this.#rows.set(name, classes);
      for (const entry of entries) {
        const rows = classes.get(category) ?? new NumberRows(names.length);
        classes.set(category, rows);
        rows.add(names.map((number) => entry[number]!));
      }
    }
  }

  /**
   * Summaries of the samples so far, by protocol.
   *
   * @param groups Group of each class, if the dataset has groups.
   */
  toJSON(groups: ClassGroups): Record<string, ProtocolSummary> {
    return Object.fromEntries([
      ...[...this.#rows].map((
        [name, rows],
      ) => [name, summarize(name as ProtocolName, rows, groups)]),
      ...[...this.#pooled].map((
        [name, samples],
      ) => [name, summarizeTogether(name, poolOf(name)!, samples, groups)]),
    ]);
  }
}

/** Summarises a protocol that scores samples together. */
function summarizeTogether(
  protocol: ProtocolName,
  pool: Pool,
  unordered: readonly PooledSample[],
  groupOf: ClassGroups,
): ProtocolSummary {
  if (unordered.length === 0) return { classes: [] };
  const samples = unordered.toSorted((one, other) => one.index - other.index);
  if (protocol === "detection") return summarizeDetector(pool, samples, groupOf);
  const categories = inClassOrder(samples.map(({ category }) => category));
  const places = Map.groupBy(samples.keys(), (place) => samples[place]!.category);
  const { classes, mean, all } = bootstrapPools(
    samples.map(({ numbers }) => numbers),
    categories.map((category) => places.get(category)!),
    pool,
  );
  const names = numbersOf(protocol);
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const named = ({ means, intervals }: NumberMeans): ProtocolMeans => ({
    means: byName(means),
    ...(intervals && { intervals: byName(intervals) }),
  });
  const groups = [...new Set(groupOf.values())].sort().flatMap((group) => {
    const own = categories.filter((category) => groupOf.get(category) === group);
    if (own.length === 0) return [];
    const numbers = mean(own.map((category) => categories.indexOf(category)));
    return [{ group, categories: own, ...named(numbers) }];
  });
  return {
    classes: categories.map((category, i) => ({
      ...{ category, count: places.get(category)!.length },
      ...named(classes[i]!),
    })),
    average: named(mean([...categories.keys()])),
    ...(groups.length > 0 && { groups }),
    all: named(all),
  };
}

/** Summarises a detector, with intervals over patients, or over images if these are not known. */
function summarizeDetector(
  pool: Pool,
  samples: readonly PooledSample[],
  groupOf: ClassGroups,
): ProtocolSummary {
  const { unit, names: units } = unitsOf(samples);
  const names = numbersOf("detection");
  const { columns, unitCount } = columnNumbers(
    samples.map(({ category, numbers }, i) => ({ category, numbers: [numbers], unit: units[i]! })),
    groupOf,
    names.length,
    pool,
  );
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const named = (column: string): ProtocolMeans => {
    const { means, intervals } = columns.find(({ name }) => name === column)!;
    return { means: byName(means), ...(intervals && { intervals: byName(intervals) }) };
  };
  const own = Map.groupBy(samples, ({ category }) => category);
  const categories = inClassOrder(own.keys());
  const groups = [...new Set(categories.flatMap((name) => groupOf.get(name) ?? []))].sort();
  return {
    classes: categories.map((category) => ({
      ...{ category, count: own.get(category)!.length },
      present: own.get(category)!.filter(({ numbers }) => numbers[0] === 1).length,
      ...named(category),
    })),
    average: named(AVERAGE),
    ...(groups.length > 0 && {
      groups: groups.map((group) => ({
        group,
        categories: categories.filter((name) => groupOf.get(name) === group),
        ...named(meanColumn(group)),
      })),
    }),
    all: named(ALL),
    units: { unit, count: unitCount },
  };
}

function summarize(
  protocol: ProtocolName,
  rows: ReadonlyMap<string, NumberRows>,
  groupOf: ClassGroups,
): ProtocolSummary {
  const names: readonly string[] = PROTOCOLS[protocol];
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  const named = ({ means, intervals }: NumberMeans): ProtocolMeans => ({
    means: byName(means),
    ...(intervals && { intervals: byName(intervals) }),
  });
  const { classes, average, groups } = meansByClass(rows, names.length, groupOf);
  return {
    classes: classes.map(({ category, count, ...means }) => ({
      category,
      count,
      ...named(means),
    })),
    ...(average && { average: named(average) }),
    ...(groups.length > 0 && {
      groups: groups.map(({ group, categories, ...means }) => ({
        group,
        categories,
        ...named(means),
      })),
    }),
    ...(average && protocol === "generate-to-ground" && releasedMeans(rows, names, byName)),
  };
}

/**
 * The two means over all classes that the code of Generate to Ground prints. A missing value counts
 * in neither sum of the first, and only in the weights of the second, as in pandas.
 */
function releasedMeans(
  rows: ReadonlyMap<string, NumberRows>,
  names: readonly string[],
  byName: (values: readonly number[]) => Record<string, number>,
): Pick<ProtocolSummary, "all" | "weighted"> {
  const classes = inClassOrder(rows.keys()).map((category) => rows.get(category)!.sorted());
  let weight = 0;
  const sums = names.map(() => 0);
  for (const values of classes) {
    const count = values.length / names.length;
    weight += count ** 2;
    values.forEach((value, i) => {
      if (!Number.isNaN(value)) sums[i % names.length]! += count * value;
    });
  }
  const values = Float64Array.from(classes.flatMap((values) => [...values]));
  return {
    all: { means: byName(meansOf(values, names.length)) },
    weighted: { means: byName(sums.map((sum) => sum / weight)) },
  };
}
