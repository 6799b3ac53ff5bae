/**
 * Results of single samples to the numbers of a table.
 *
 * @module
 */

import { CLASSES } from "../datasets/sample.ts";
import type { SampleResult } from "../pipeline/evaluate.ts";

/** The four scores, in the order of the paper's Table I. */
export const SCORES = ["absCnr", "cnr", "miou", "aucRoc"] as const;

/** One mean a score. */
export type MeanScores = Record<typeof SCORES[number], number>;

/** Means over the samples of one class. */
export interface ClassSummary extends MeanScores {
  /** Name of the class. */
  readonly category: string;
  /** Samples that were scored. */
  readonly count: number;
}

/** Samples that were left out for one reason. */
export interface ReasonSummary {
  /** What became of them. */
  readonly status: "skipped" | "failed";
  /** Where they fell out. */
  readonly stage: string;
  /** Why. */
  readonly reason: string;
  /** How many they are. */
  readonly count: number;
  /** Id of the first. */
  readonly example: string;
}

/** What a run comes to. */
export interface Summary {
  /** One entry a class that has scores: MS-CXR's first, in the paper's order. */
  readonly classes: readonly ClassSummary[];
  /** Unweighted mean over the classes (METHOD section 3); absent where nothing was scored. */
  readonly average?: MeanScores;
  /** How many samples came to what. */
  readonly counts: Readonly<Record<SampleResult["status"], number>>;
  /** Why samples were left out. */
  readonly reasons: readonly ReasonSummary[];
}

/** Distinct reasons that are kept; a path in a reason can make each one different. */
const MAX_REASONS = 50;

/** Class of samples that have none. */
const NO_CLASS = "(none)";

/** Adds up results as they come, in memory that does not grow with their number. */
export class ScoreSummary {
  readonly #sums = new Map<string, { count: number; sums: MeanScores }>();
  readonly #counts = { scored: 0, grounded: 0, skipped: 0, failed: 0 };
  readonly #reasons = new Map<string, ReasonSummary>();

  /** Takes in one result. */
  add(result: SampleResult): void {
    this.#counts[result.status]++;
    if (result.status === "scored") {
      const category = result.category ?? NO_CLASS;
      const entry = this.#sums.get(category) ??
        { count: 0, sums: { absCnr: 0, cnr: 0, miou: 0, aucRoc: 0 } };
      this.#sums.set(category, entry);
      entry.count++;
      for (const score of SCORES) entry.sums[score] += result[score];
    } else if (result.status !== "grounded") {
      const { status, stage, id } = result;
      const isNew = !this.#reasons.has(result.reason);
      const reason = isNew && this.#reasons.size >= MAX_REASONS ? "other reasons" : result.reason;
      const known = this.#reasons.get(reason);
      const count = (known?.count ?? 0) + 1;
      this.#reasons.set(reason, { status, stage, reason, example: id, ...known, count });
    }
  }

  /** The summary so far. */
  toJSON(): Summary {
    const ordered = [...CLASSES, ...this.#sums.keys()];
    const classes = [...new Set<string>(ordered)].flatMap((category): ClassSummary[] => {
      const entry = this.#sums.get(category);
      if (!entry) return [];
      return [{ category, count: entry.count, ...means(entry.sums, entry.count) }];
    });
    const total: MeanScores = { absCnr: 0, cnr: 0, miou: 0, aucRoc: 0 };
    for (const entry of classes) for (const score of SCORES) total[score] += entry[score];
    return {
      classes,
      ...(classes.length > 0 && { average: means(total, classes.length) }),
      counts: { ...this.#counts },
      reasons: [...this.#reasons.values()],
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

function means(sums: MeanScores, count: number): MeanScores {
  return {
    absCnr: sums.absCnr / count,
    cnr: sums.cnr / count,
    miou: sums.miou / count,
    aucRoc: sums.aucRoc / count,
  };
}
