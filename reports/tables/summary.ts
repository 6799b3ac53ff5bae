import { type ScoreName, SCORES } from "../../scoring/score_heatmap.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import {
  type ClassGroups,
  inClassOrder,
  mapMeans,
  type MeansByClass,
  meansByClass,
  type NumberMeans,
} from "./class_means.ts";
import { patientOf } from "../../runs/patients.ts";
import { columnNumbers } from "../statistics/column_numbers.ts";
import { readerResults, READERS } from "../statistics/reader_results.ts";
import { NumberRows } from "./number_rows.ts";
import { ReasonGroups, type ReasonSummary } from "./_reason_groups.ts";
import { type ProtocolSummary, ProtocolSums } from "./protocol_summary.ts";
import { BOOTSTRAP, type Bootstrap, type Interval } from "./bootstrap.ts";

/** Means of the paper's scores, over a class or all samples. */
export type MeanScores = Record<ScoreName, number>;

/** Means with their intervals. */
export interface Means extends MeanScores {
  /** Bootstrap intervals; absent if a class has a single sample, which has no spread. */
  readonly intervals?: Readonly<Record<ScoreName, Interval>>;
}

/** Intervals of which each draw takes patients with replacement, with all their samples. */
export interface PatientIntervals {
  readonly count: number;
  /** Intervals by the name of the class, of the group's mean, or `Avg`. */
  readonly intervals: Readonly<Record<string, Readonly<Record<ScoreName, Interval>>>>;
}

/** Counts of left-out samples of one class. */
export interface LeftOut {
  readonly category: string;
  readonly skipped: number;
  readonly failed: number;
}

/** Summary of a run's results; the means are those of docs/method.md, section 3. */
export interface Summary extends MeansByClass<Means> {
  /** Parameters of the intervals. */
  readonly bootstrap: Bootstrap;
  /**
   * Intervals over patients, if the dataset tells the patient of each scored sample. The intervals
   * beside the means draw samples within each class, as if they were independent.
   */
  readonly patients?: PatientIntervals;
  /** Count of samples for each way of ending. */
  readonly counts: Readonly<Record<SampleResult["status"], number>>;
  /** Number of scored samples with masks as ground truth; absent if there are none. */
  readonly masked?: number;
  /**
   * Number of scored samples by their split, with an empty name for those without; absent unless
   * the split can tell whether a method was trained on samples.
   */
  readonly splits?: Readonly<Record<string, number>>;
  /** One entry per class with left-out samples. */
  readonly leftOut: readonly LeftOut[];
  /** Reasons why samples were left out, by kind. */
  readonly reasons: readonly ReasonSummary[];
  /** Summaries by the name of the protocol; absent if the run has no further protocols. */
  readonly protocols?: Readonly<Record<string, ProtocolSummary>>;
}

/** Class of samples without a class of their own. */
export const NO_CLASS = "(none)";

/**
 * Summarises results. The order of the results does not matter, and memory holds only the scores.
 */
export class ScoreSummary {
  readonly #scores = new Map<string, NumberRows>();
  readonly #counts = { scored: 0, grounded: 0, skipped: 0, failed: 0 };
  readonly #leftOut = new Map<string, { skipped: number; failed: number }>();
  readonly #reasons = new ReasonGroups();
  readonly #groups = new Map<string, string>();
  readonly #protocols = new ProtocolSums();
  readonly #patients: PatientSample[] = [];
  readonly #splits = new Map<string, number>();
  #masked = 0;

  /** Counts a result, and adds its scores to the means. */
  add(result: SampleResult): void {
    this.#counts[result.status]++;
    const category = result.category ?? NO_CLASS;
    if (result.group !== undefined) this.#groups.set(category, result.group);
    if (result.status === "scored") {
      const rows = this.#scores.get(category) ?? new NumberRows(SCORES.length);
      this.#scores.set(category, rows);
      rows.add(SCORES.map((score) => result[score]));
      this.#patients.push({
        category,
        patient: patientOf(result),
        scores: Float64Array.from(SCORES, (score) => result[score]),
      });
      if (result.masks) this.#masked++;
      const { split = "" } = result;
      this.#splits.set(split, (this.#splits.get(split) ?? 0) + 1);
    } else if (result.status !== "grounded") {
      const { status } = result;
      const leftOut = this.#leftOut.get(category) ?? { skipped: 0, failed: 0 };
      this.#leftOut.set(category, leftOut);
      leftOut[status]++;
      this.#reasons.add(result);
    }
    if ("protocols" in result && result.protocols) {
      this.#protocols.add(category, result.protocols, result);
    }
  }

  /** Count of the results so far for each way of ending. */
  get counts(): Summary["counts"] {
    return this.#counts;
  }

  /** Number of scored samples by their split, as of {@linkcode Summary.splits}. */
  get splits(): Summary["splits"] {
    if (![...this.#splits.keys()].some((name) => name !== "")) return undefined;
    return Object.fromEntries([...this.#splits].sort(([one], [other]) => one < other ? -1 : 1));
  }

  /** Summary of the results so far. */
  toJSON(): Summary {
    const protocols = this.#protocols.toJSON(this.#groups);
    const patients = patientIntervals(this.#patients, this.#groups);
    return {
      ...mapMeans(meansByClass(this.#scores, SCORES.length, this.#groups), scoreMeans),
      bootstrap: BOOTSTRAP,
      ...(patients && { patients }),
      counts: { ...this.#counts },
      ...(this.#masked > 0 && { masked: this.#masked }),
      ...(this.splits && { splits: this.splits }),
      leftOut: inClassOrder(this.#leftOut.keys()).map((category) => ({
        category,
        ...this.#leftOut.get(category)!,
      })),
      reasons: this.#reasons.toJSON(),
      ...(Object.keys(protocols).length > 0 && { protocols }),
    };
  }
}

/** Scores of one sample, and its patient if known. */
interface PatientSample {
  readonly category: string;
  readonly patient: string | undefined;
  readonly scores: Float64Array;
}

/** Computes intervals over patients; `undefined` without scores, or if a patient is not known. */
function patientIntervals(
  unordered: readonly PatientSample[],
  groups: ClassGroups,
): PatientIntervals | undefined {
  if (unordered.length === 0 || unordered.some(({ patient }) => patient === undefined)) {
    return undefined;
  }
  // The order of the results must not matter to the last bit of a sum.
  const keyOf = ({ patient, category, scores }: PatientSample) =>
    JSON.stringify([patient, category, ...scores]);
  const samples = unordered.map((sample) => ({ ...sample, key: keyOf(sample) }))
    .sort((one, other) => one.key < other.key ? -1 : 1);
  const { columns, unitCount } = columnNumbers(
    samples.map(({ category, patient, scores }) => ({
      ...{ category, unit: patient!, numbers: [scores] },
    })),
    groups,
    SCORES.length,
  );
  const intervals = columns.slice(0, -1).flatMap(({ name, intervals }) =>
    intervals ? [[name, byScore(intervals)] as const] : []
  );
  return { count: unitCount, intervals: Object.fromEntries(intervals) };
}

/** Summarises several variants of the same samples, by the `setting` of each result. */
export class SummaryByVariant {
  readonly #summaries: ReadonlyMap<string, ScoreSummary>;
  readonly #readers = READERS.map(() => new ScoreSummary());
  readonly #read = new Set<string>();

  /**
   * Creates an empty summary for each variant.
   *
   * @param names Names of the variants; all results must use these names.
   */
  constructor(names: readonly string[]) {
    this.#summaries = new Map(names.map((name) => [name, new ScoreSummary()]));
  }

  /** Adds one result; a result without a setting counts for every variant. */
  add(result: SampleResult): void {
    const { setting, id } = result;
    const readers = this.#read.has(id) ? undefined : readerResults(result);
    readers?.forEach((each, i) => this.#readers[i]!.add(each));
    if (readers) this.#read.add(id);
    if (setting !== undefined) this.#summaries.get(setting)!.add(result);
    else for (const summary of this.#summaries.values()) summary.add(result);
  }

  /** Summaries of the results so far, by variant. */
  toJSON(): Record<string, Summary> {
    return Object.fromEntries([...this.#summaries].map(([name, sums]) => [name, sums.toJSON()]));
  }

  /**
   * Summaries of one reader against the other, by {@linkcode READERS}, on the samples that a variant
   * scored and both readers marked; `undefined` if there is no such sample.
   */
  readers(): Record<string, Summary> | undefined {
    if (this.#read.size === 0) return undefined;
    return Object.fromEntries(READERS.map((name, i) => [name, this.#readers[i]!.toJSON()]));
  }
}

function byScore<T>(values: readonly T[]): Record<ScoreName, T> {
  const [absCnr, cnr, miou, aucRoc] = values as [T, T, T, T];
  return { absCnr, cnr, miou, aucRoc };
}

function scoreMeans({ means, intervals }: NumberMeans): Means {
  return { ...byScore(means), ...(intervals && { intervals: byScore(intervals) }) };
}
