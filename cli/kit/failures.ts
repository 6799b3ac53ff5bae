/**
 * The samples of a run that failed, and those whose phrases are not read as they stand.
 *
 * @module
 */

import { isReadingNote } from "../../models/tokenizer.ts";
import type { SampleResult } from "../../mod.ts";
import type { Progress } from "./progress.ts";

/** Failures that are printed as they come; a wrong image folder would print a thousand. */
const SHOWN = 10;

/** More samples failed than may. */
export class TooManyFailures extends Error {
  override name = "TooManyFailures";

  /**
   * @param count How many failed.
   * @param most How many may.
   */
  constructor(count: number, most: number) {
    super(`${count} samples failed, more than --max-failures ${most}`);
  }
}

/** Counts the samples that failed, each once, and tells of the first. */
export class Failures {
  readonly #ids = new Set<string>();

  /** How many there are. */
  get count(): number {
    return this.#ids.size;
  }

  /**
   * Takes in a result.
   *
   * @returns Whether it is the first failure of its sample.
   */
  add({ id, status }: SampleResult): boolean {
    if (status !== "failed" || this.#ids.has(id)) return false;
    this.#ids.add(id);
    return true;
  }

  /**
   * Takes in a result, and says so if it is a failure.
   *
   * @param progress Where it is said.
   * @param results Where all of them are.
   */
  tell(result: SampleResult, progress: Progress, results: string): void {
    if (!this.add(result) || result.status !== "failed" || this.count > SHOWN) return;
    progress.warn(`failed: ${result.id}: ${result.reason}`);
    if (this.count === SHOWN) progress.warn(`Further failures: see ${results}.`);
  }

  /**
   * Refuses more failures than may be.
   *
   * @throws {TooManyFailures} If there are.
   */
  requireAtMost(most: number): void {
    if (this.count > most) throw new TooManyFailures(this.count, most);
  }
}

/** Tells of the first phrases that a model does not read as they stand, each once. */
export class ReadingNotes {
  readonly #ids = new Set<string>();

  /**
   * Takes in a result, and says how its phrase is read if there is a note of that.
   *
   * @param progress Where it is said.
   * @param results Where all notes are.
   */
  tell({ id, notes = [] }: SampleResult, progress: Progress, results: string): void {
    const own = notes.filter(isReadingNote);
    if (own.length === 0 || this.#ids.has(id) || this.#ids.size === SHOWN) return;
    this.#ids.add(id);
    progress.warn(`note: ${id}: ${own.join("; ")}`);
    if (this.#ids.size === SHOWN) progress.warn(`Further notes: see ${results}.`);
  }
}
