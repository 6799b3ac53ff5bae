import type { SampleResult } from "../../pipeline/evaluate.ts";
import { compareSamples, type Comparison } from "./compare.ts";

/** Collects results with a lift and without, and compares them by a paired bootstrap. */
export class LiftComparison {
  readonly #samples = new Map<string, SampleResult[][]>();

  /**
   * Adds the results of a sample.
   *
   * @param plain Results without the lift, by the same settings and protocols.
   * @param lifted Results with the lift, in the same order.
   */
  add(plain: readonly SampleResult[], lifted: readonly SampleResult[]): void {
    for (const [i, result] of lifted.entries()) {
      const setting = result.setting ?? "";
      this.#samples.getOrInsert(setting, []).push([plain[i]!, result]);
    }
  }

  /** The comparison of all settings; each setting is compared with itself alone. */
  toJSON(): Comparison {
    const parts = [...this.#samples].map(([setting, samples]) => {
      const names = ["unlifted", "lifted"];
      return compareSamples(
        setting === "" ? names : names.map((name) => `${setting}, ${name}`),
        samples,
      );
    });
    return {
      ...parts[0]!,
      columns: parts.flatMap(({ columns }) => columns),
      numbers: parts.flatMap(({ numbers }) => numbers),
      misses: parts.flatMap(({ misses }) => misses),
      most: parts.flatMap(({ most }) => most),
    };
  }
}
