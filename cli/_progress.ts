/**
 * Progress on stderr: a bar on a terminal, plain lines elsewhere.
 *
 * @module
 */

/** What {@linkcode Progress} writes to and reads the time from; for tests. */
export interface ProgressEnvironment {
  /** Takes text. */
  readonly write: (text: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Whether a line can be drawn over. */
  readonly isTerminal: boolean;
  /** Characters a line has room for. */
  readonly columns: number;
}

/** Milliseconds between drawings of the bar. */
const BAR_INTERVAL = 100;

/** Milliseconds between plain lines. */
const LINE_INTERVAL = 10_000;

/** Characters of the bar itself. */
const BAR_WIDTH = 24;

function standardError(): ProgressEnvironment {
  const encoder = new TextEncoder();
  let columns = 80;
  try {
    columns = Deno.consoleSize().columns;
  } catch {
    // Not a terminal.
  }
  return {
    write(text) {
      try {
        Deno.stderr.writeSync(encoder.encode(text));
      } catch {
        // Nobody reads it any more; the run goes on.
      }
    },
    now: () => performance.now(),
    isTerminal: Deno.stderr.isTerminal(),
    columns,
  };
}

/** A duration as a person says it: `12 s`, `3 min 05 s`, `1 h 02 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  if (minutes > 0) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${whole} s`;
}

/** Shows how far a run is, its rate and the time left. */
export class Progress {
  readonly #environment: ProgressEnvironment;
  readonly #total: number;
  readonly #before: number;
  readonly #began: number;
  #shownAt = -Infinity;
  #isDrawn = false;

  /**
   * @param total How many samples there are.
   * @param before How many of them were done before, which says nothing of the rate.
   * @param environment For tests.
   */
  constructor(total: number, before = 0, environment: ProgressEnvironment = standardError()) {
    this.#total = total;
    this.#before = before;
    this.#environment = environment;
    this.#began = environment.now();
    // The first plain line waits as long as every other.
    if (!environment.isTerminal) this.#shownAt = this.#began;
  }

  /**
   * Says how far the run is.
   *
   * @param count Samples done, a part of one included.
   */
  update(count: number): void {
    // An image that is run again for the sake of its other phrases counts these twice.
    const done = Math.min(count, this.#total);
    const { isTerminal, now } = this.#environment;
    const interval = isTerminal ? BAR_INTERVAL : LINE_INTERVAL;
    if (now() - this.#shownAt < interval) return;
    this.#show(done);
  }

  /** Says for the last time how far the run is. */
  finish(done: number): void {
    this.#show(done);
    if (this.#isDrawn) this.#environment.write("\n");
    this.#isDrawn = false;
  }

  /** Takes the bar away, before something else is printed. */
  clear(): void {
    if (this.#isDrawn) this.#environment.write("\r\x1b[K");
    this.#isDrawn = false;
  }

  #show(done: number): void {
    const { isTerminal, columns, write, now } = this.#environment;
    this.#shownAt = now();
    const seconds = (now() - this.#began) / 1000;
    const rate = (done - this.#before) / seconds;
    const share = Math.min(1, done / Math.max(1, this.#total));
    const left = rate > 0 && done < this.#total
      ? `, ${formatDuration((this.#total - done) / rate)} left`
      : "";
    const speed = rate === 0
      ? ""
      : rate >= 1
      ? `, ${rate.toFixed(1)} samples/s`
      : `, ${(1 / rate).toFixed(1)} s/sample`;
    const count = `${Math.floor(done + 1e-6)}/${this.#total} samples`;
    const text = `${count}${speed}, ${formatDuration(seconds)}${left}`;
    if (!isTerminal) return write(`${text}\n`);
    const filled = Math.round(share * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    write(`\r\x1b[K${`${bar} ${text}`.slice(0, columns - 1)}`);
    this.#isDrawn = true;
  }
}
