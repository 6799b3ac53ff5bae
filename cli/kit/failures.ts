import { isReadingNote } from "../../models/tokenizer.ts";
import type { SampleResult } from "../../pipeline/evaluate.ts";
import type { Progress } from "./progress.ts";

/** Most failures, notices and notes that are printed; a wrong image folder can cause a thousand. */
const SHOWN = 10;

/** More samples failed than `--max-failures` allows. */
export class TooManyFailures extends Error {
  override name = "TooManyFailures";

  /** @param most Number of failed samples that is allowed. */
  constructor(count: number, most: number) {
    super(`${count} samples failed, more than --max-failures ${most}`);
  }
}

/** Counts failed samples, each once, and reports the first ten. */
export class Failures {
  readonly #ids = new Set<string>();

  /** Number of failed samples. */
  get count(): number {
    return this.#ids.size;
  }

  /**
   * Adds a result.
   *
   * @returns Whether the result is the first failure of its sample.
   */
  add({ id, status }: SampleResult): boolean {
    if (status !== "failed" || this.#ids.has(id)) return false;
    this.#ids.add(id);
    return true;
  }

  /**
   * Adds a result, and reports it if it is one of the first failures.
   *
   * @param progress Receives the warnings.
   * @param results Path of the file with all failures.
   */
  tell(result: SampleResult, progress: Progress, results: string): void {
    if (!this.add(result) || result.status !== "failed" || this.count > SHOWN) return;
    progress.warn(`failed: ${result.id}: ${result.reason}`);
    if (this.count === SHOWN) progress.warn(`Further failures: see ${results}.`);
  }

  /**
   * Refuses more failures than are allowed.
   *
   * @throws {TooManyFailures} If more than `most` samples failed.
   */
  requireAtMost(most: number): void {
    if (this.count > most) throw new TooManyFailures(this.count, most);
  }
}

/** Reports the first ten phrases that a model does not read exactly as written, each once. */
export class ReadingNotes {
  readonly #ids = new Set<string>();

  /**
   * Adds a result, and reports a note on how the model reads the phrase, if there is one.
   *
   * @param progress Receives the warnings.
   * @param results Path of the file with all notes.
   */
  tell({ id, notes = [] }: SampleResult, progress: Progress, results: string): void {
    const own = notes.filter(isReadingNote);
    if (own.length === 0 || this.#ids.has(id) || this.#ids.size === SHOWN) return;
    this.#ids.add(id);
    progress.warn(`note: ${id}: ${own.join("; ")}`);
    if (this.#ids.size === SHOWN) progress.warn(`Further notes: see ${results}.`);
  }
}

/** Prints the first ten notices of a command, and at its end the number of the others. */
export class Notices {
  readonly #progress: Progress;

  /** Number of notices so far. */
  count = 0;

  /** @param progress Receives the warnings. */
  constructor(progress: Progress) {
    this.#progress = progress;
  }

  /** Adds a notice, and prints it if it is one of the first. */
  readonly add = (notice: string): void => {
    if (++this.count <= SHOWN) this.#progress.warn(notice);
  };

  /** Prints the number of notices that were not printed. */
  end(): void {
    if (this.count > SHOWN) this.#progress.warn(`${this.count - SHOWN} more notices like these.`);
  }
}
