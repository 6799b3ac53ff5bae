import {
  numbersOf,
  poolOf,
  type ProtocolName,
  PROTOCOLS,
  type ProtocolScores,
} from "../../scoring/protocols.ts";
import {
  AVERAGE,
  type ClassGroups,
  inClassOrder,
  mapMeans,
  meanColumn,
  type MeansByClass,
  meansByClass,
  meansOf,
  type NumberMeans,
  withGroups,
} from "./class_means.ts";
import { columnNumbers } from "../statistics/column_numbers.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { type Units, unitsOf } from "../../runs/patients.ts";
import { NumberRows } from "./number_rows.ts";
import { bootstrapPools, type Interval } from "./bootstrap.ts";
import { ALL } from "../statistics/scored_numbers.ts";

/** Means of a protocol's numbers. */
export interface ProtocolMeans {
  readonly means: Readonly<Record<string, number>>;
  /** Bootstrap intervals by the name of the number; absent if a class has a single sample. */
  readonly intervals?: Readonly<Record<string, Interval>>;
}

/** Means of a run by one protocol. */
export interface ProtocolSummary extends MeansByClass<ProtocolMeans> {
  /** One entry per class; `count` is the number of samples, or of boxes for `per-box`. */
  readonly classes: readonly (MeansByClass<ProtocolMeans>["classes"][number] & {
    /** Number of images that have the class; only of `detection`. */
    readonly present?: number;
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
  readonly #rows = new Map<ProtocolName, Map<string, NumberRows>>();
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
        const samples = this.#pooled.getOrInsert(name, []);
        if (entries.length === 0) continue;
        const numbers = entries.flatMap((entry) => names.map((number) => entry[number]!));
        samples.push({ ...own, category, index, numbers: Float64Array.from(numbers) });
        continue;
      }
      const classes = this.#rows.getOrInsertComputed(name, () => new Map<string, NumberRows>());
      for (const entry of entries) {
        const rows = classes.getOrInsertComputed(category, () => new NumberRows(names.length));
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
    const summaries = [
      ...[...this.#rows].map(([name, rows]) => [name, summarize(name, rows, groups)]),
      ...[...this.#pooled].map((
        [name, samples],
      ) => [name, summarizeTogether(name, samples, groups)]),
    ];
    return Object.fromEntries(summaries);
  }
}

/** Makes a function that names the numbers of a row. */
function namer(names: readonly string[]): (numbers: NumberMeans) => ProtocolMeans {
  const byName = <T>(values: readonly T[]) =>
    Object.fromEntries(names.map((name, i) => [name, values[i]!]));
  return ({ means, intervals }) => ({
    means: byName(means),
    ...(intervals && { intervals: byName(intervals) }),
  });
}

/** Summarises a protocol that scores samples together. */
function summarizeTogether(
  protocol: ProtocolName,
  unordered: readonly PooledSample[],
  groupOf: ClassGroups,
): ProtocolSummary {
  if (unordered.length === 0) return { classes: [] };
  const samples = unordered.toSorted((one, other) => one.index - other.index);
  const pool = poolOf(protocol)!;
  const named = namer(numbersOf(protocol));
  const places = Map.groupBy(samples.keys(), (place) => samples[place]!.category);
  const categories = inClassOrder(places.keys());
  if (protocol !== "detection") {
    const { classes, mean, all } = bootstrapPools(
      samples.map(({ numbers }) => numbers),
      categories.map((category) => places.get(category)!),
      pool,
    );
    const means = {
      classes: categories.map((category, i) => ({
        ...{ category, count: places.get(category)!.length, ...classes[i]! },
      })),
      average: mean([...categories.keys()]),
      ...withGroups(
        categories,
        groupOf,
        (own) => mean(own.map((name) => categories.indexOf(name))),
      ),
    };
    return { ...mapMeans(means, named), all: named(all) };
  }
  // The classes of an image are not independent: intervals draw patients, or images.
  const { unit, names } = unitsOf(samples);
  const units = samples.map(({ category, numbers }, i) => ({
    ...{ category, numbers: [numbers], unit: names[i]! },
  }));
  const { columns, unitCount } = columnNumbers(units, groupOf, numbersOf(protocol).length, pool);
  const numbersIn = (column: string) => {
    const { name: _, ...numbers } = columns.find(({ name }) => name === column)!;
    return numbers;
  };
  const means = {
    classes: categories.map((category) => {
      const own = places.get(category)!.map((place) => samples[place]!);
      const present = own.filter(({ numbers }) => numbers[0] === 1).length;
      return { category, count: own.length, present, ...numbersIn(category) };
    }),
    average: numbersIn(AVERAGE),
    ...withGroups(categories, groupOf, (_, group) => numbersIn(meanColumn(group))),
  };
  return {
    ...mapMeans(means, named),
    all: named(numbersIn(ALL)),
    units: { unit, count: unitCount },
  };
}

function summarize(
  protocol: ProtocolName,
  rows: ReadonlyMap<string, NumberRows>,
  groupOf: ClassGroups,
): ProtocolSummary {
  const names: readonly string[] = PROTOCOLS[protocol];
  const named = namer(names);
  const means = mapMeans(meansByClass(rows, names.length, groupOf), named);
  return means.average && protocol === "generate-to-ground"
    ? { ...means, ...releasedMeans(rows, names.length, named) }
    : means;
}

/**
 * The two means over all classes that the code of Generate to Ground prints. A missing value counts
 * in neither sum of the first, and only in the weights of the second, as in pandas.
 */
function releasedMeans(
  rows: ReadonlyMap<string, NumberRows>,
  width: number,
  named: (numbers: NumberMeans) => ProtocolMeans,
): Pick<ProtocolSummary, "all" | "weighted"> {
  const classes = inClassOrder(rows.keys()).map((category) => rows.get(category)!.sorted());
  let weight = 0;
  const sums = new Array<number>(width).fill(0);
  for (const values of classes) {
    const count = values.length / width;
    weight += count ** 2;
    values.forEach((value, i) => {
      if (!Number.isNaN(value)) sums[i % width]! += count * value;
    });
  }
  const values = Float64Array.from(classes.flatMap((values) => [...values]));
  return {
    all: named({ means: meansOf(values, width) }),
    weighted: named({ means: sums.map((sum) => sum / weight) }),
  };
}
