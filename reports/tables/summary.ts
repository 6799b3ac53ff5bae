/**
 * Results of single samples to the numbers of a table.
 *
 * @module
 */

import { type ScoreName, SCORES } from "../../scoring/score_heatmap.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import { inClassOrder, meansByClass, type NumberMeans } from "./class_means.ts";
import { NumberRows } from "./number_rows.ts";
import { ReasonGroups, type ReasonSummary } from "./_reason_groups.ts";

export type { ReasonSummary };
import { type ProtocolSummary, ProtocolSums } from "./protocol_summary.ts";
import { BOOTSTRAP, type Bootstrap, type Interval } from "./bootstrap.ts";

/** One mean a score. */
export type MeanScores = Record<ScoreName, number>;

/** Means, and how sure they are. */
export interface Means extends MeanScores {
  /** Bootstrap intervals; absent where a class has a single sample, which tells nothing of them. */
  readonly intervals?: Readonly<Record<ScoreName, Interval>>;
}

/** Means over the samples of one class. */
export interface ClassSummary extends Means {
  /** Name of the class. */
  readonly category: string;
  /** Samples that were scored. */
  readonly count: number;
}

/** Samples of one class that were left out. */
export interface LeftOut {
  /** Name of the class. */
  readonly category: string;
  /** Samples that were skipped. */
  readonly skipped: number;
  /** Samples that failed. */
  readonly failed: number;
}

/** What a run comes to. */
export interface Summary {
  /** One entry a class that has scores: MS-CXR's first, in the paper's order. */
  readonly classes: readonly ClassSummary[];
  /** Unweighted mean over the classes (docs/method.md, section 3); absent where nothing was scored. */
  readonly average?: Means;
  /** How the intervals were made. */
  readonly bootstrap: Bootstrap;
  /** How many samples came to what. */
  readonly counts: Readonly<Record<SampleResult["status"], number>>;
  /** One entry a class that samples were left out of. */
  readonly leftOut: readonly LeftOut[];
  /** Why samples were left out. */
  readonly reasons: readonly ReasonSummary[];
  /** What the run comes to by further protocols, by their names, where there are such. */
  readonly protocols?: Readonly<Record<string, ProtocolSummary>>;
}

/** Class of samples that have none. */
export const NO_CLASS = "(none)";

/**
 * Takes in results as they come, in whatever order; keeps but a few numbers of each.
 */
export class ScoreSummary {
  readonly #scores = new Map<string, NumberRows>();
  readonly #counts = { scored: 0, grounded: 0, skipped: 0, failed: 0 };
  readonly #leftOut = new Map<string, { skipped: number; failed: number }>();
  readonly #reasons = new ReasonGroups();
  readonly #protocols = new ProtocolSums();

  /** Takes in one result. */
  add(result: SampleResult): void {
    this.#counts[result.status]++;
    const category = result.category ?? NO_CLASS;
    if (result.status === "scored") {
      const rows = this.#scores.get(category) ?? new NumberRows(SCORES.length);
      this.#scores.set(category, rows);
      rows.add(SCORES.map((score) => result[score]));
      if (result.protocols) this.#protocols.add(category, result.protocols);
    } else if (result.status !== "grounded") {
      const { status } = result;
      const leftOut = this.#leftOut.get(category) ?? { skipped: 0, failed: 0 };
      this.#leftOut.set(category, leftOut);
      leftOut[status]++;
      this.#reasons.add(result);
    }
  }

  /** The summary so far. */
  toJSON(): Summary {
    const { classes, average } = meansByClass(this.#scores, SCORES.length);
    const protocols = this.#protocols.toJSON();
    return {
      classes: classes.map(({ category, count, ...means }) => ({
        ...{ category, count },
        ...scoreMeans(means),
      })),
      ...(average && { average: scoreMeans(average) }),
      bootstrap: BOOTSTRAP,
      counts: { ...this.#counts },
      leftOut: inClassOrder(this.#leftOut.keys()).map((category) => ({
        category,
        ...this.#leftOut.get(category)!,
      })),
      reasons: this.#reasons.toJSON(),
      ...(Object.keys(protocols).length > 0 && { protocols }),
    };
  }
}

/** Summaries of several variants of the same samples, by the names that results call them. */
export class AblationSummary {
  readonly #summaries: ReadonlyMap<string, ScoreSummary>;

  /**
   * Begins a summary for each variant.
   *
   * @param names Names of the variants.
   */
  constructor(names: readonly string[]) {
    this.#summaries = new Map(names.map((name) => [name, new ScoreSummary()]));
  }

  /** Takes in one result; a sample that fell out as a whole counts for every variant. */
  add(result: SampleResult): void {
    const { setting } = result;
    if (setting !== undefined) this.#summaries.get(setting)!.add(result);
    else for (const summary of this.#summaries.values()) summary.add(result);
  }

  /** The summaries so far. */
  toJSON(): Record<string, Summary> {
    return Object.fromEntries([...this.#summaries].map(([name, sums]) => [name, sums.toJSON()]));
  }
}

function byScore<T>(values: readonly T[]): Record<ScoreName, T> {
  const [absCnr, cnr, miou, aucRoc] = values as [T, T, T, T];
  return { absCnr, cnr, miou, aucRoc };
}

function scoreMeans({ means, intervals }: NumberMeans): Means {
  return { ...byScore(means), ...(intervals && { intervals: byScore(intervals) }) };
}
