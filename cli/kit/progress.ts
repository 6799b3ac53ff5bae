import { plainReason } from "../../base/host/plain_reason.ts";
import type { Method } from "../../pipeline/method.ts";
import { asCalled } from "../groundray/call.ts";
import type { Flags } from "./flags.ts";

/** Output and clock of {@linkcode Progress}; tests replace them. */
export interface ProgressEnvironment {
  /** Writes text. */
  readonly write: (text: string) => void;
  /** Returns monotonic milliseconds. */
  readonly now: () => number;
  /** The terminal can overwrite a line. */
  readonly isTerminal: boolean;
  /** Width of a line in characters. */
  readonly columns: number;
}

/** Ways to show progress. */
const KINDS = ["auto", "bar", "lines", "json", "quiet"] as const;

/** Option for the way a run shows progress. */
export const PROGRESS_FLAGS = {
  progress: {
    type: "string",
    choices: KINDS,
    default: "auto",
    placeholder: "HOW",
    description:
      "Progress on stderr. bar draws a bar, lines writes plain lines, json writes an object on each line, and quiet writes only warnings and errors. auto draws a bar on a terminal and writes lines elsewhere.",
  },
} as const satisfies Flags;

/** A way to show progress that {@linkcode KINDS} names. */
export type ProgressKind = typeof KINDS[number];

/** Milliseconds between two updates. */
const INTERVALS = { bar: 100, lines: 10_000, json: 1000, quiet: Infinity } as const;

/** Most characters of the bar, without its text. */
const BAR_WIDTH = 24;

function standardError(): ProgressEnvironment {
  const encoder = new TextEncoder();
  return {
    write(text) {
      try {
        Deno.stderr.writeSync(encoder.encode(text));
      } catch {
        // The reader of stderr is gone; the run goes on.
      }
    },
    now: () => performance.now(),
    isTerminal: Deno.stderr.isTerminal(),
    // Read each time, since a window may change its size.
    get columns() {
      try {
        return Deno.consoleSize().columns;
      } catch {
        return 80; // Not a terminal.
      }
    },
  };
}

/** Formats a duration for people: `12 s`, `3 min 05 s`, `1 h 02 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  if (minutes > 0) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${whole} s`;
}

/** Shortest run in seconds whose time is announced. */
const ANNOUNCED = 60;

/**
 * Announces the time of a run that takes longer than a minute. Faster settings stand beside it, with
 * the loss of accuracy of each.
 *
 * @param images Number of images, at most.
 * @param phrases Number of phrases in all.
 */
export async function announceTime(
  progress: Progress,
  method: Method,
  images: number,
  phrases: number,
): Promise<void> {
  if (!method.expect || phrases === 0) return;
  const { seconds, pass, faster } = await method.expect(images, phrases);
  if (seconds < ANNOUNCED) return;
  progress.say(
    `This run takes up to ${formatDuration(seconds)} here: one pass of the network takes ` +
      `${pass.toPrecision(2)} s.`,
  );
  for (const { options, seconds, correlation } of faster) {
    progress.say(
      `  ${options}: up to ${
        formatDuration(seconds)
      }; its heatmaps correlate ${correlation} with ` +
        "the exact ones (the bundled model's, docs/speed.md).",
    );
  }
}

/** Shows how far a run is, its rate, the time left and how many samples failed. */
export class Progress {
  readonly #environment: ProgressEnvironment;
  readonly #kind: Exclude<ProgressKind, "auto">;
  readonly #unit: string;
  #total = 0;
  #before = 0;
  #began = 0;
  #failed = 0;
  #furthest = 0;
  #shownAt = -Infinity;
  #isDrawn = false;
  #held: (() => void)[] | undefined;

  /**
   * @param kind Way to show progress; `auto` chooses by the terminal.
   * @param environment Output and clock; stderr by default.
   * @param unit Name of the counted things, in the plural.
   */
  constructor(
    kind: ProgressKind,
    environment: ProgressEnvironment = standardError(),
    unit = "samples",
  ) {
    this.#environment = environment;
    this.#unit = unit;
    this.#kind = kind !== "auto" ? kind : environment.isTerminal ? "bar" : "lines";
  }

  /** Holds messages back, since a refused command must print only the reason. */
  hold(): void {
    this.#held ??= [];
  }

  /** Prints the messages that were held back. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const say of held) say();
  }

  /** Prints information, except in quiet mode. */
  say(text: string): void {
    if (this.#kind !== "quiet") this.#print("info", text);
  }

  /** Prints a warning in every mode. */
  warn(text: string): void {
    this.#print("warning", text);
  }

  /**
   * Starts the clock.
   *
   * @param total Number of samples.
   * @param before Number of samples that were done earlier; they do not count for the rate.
   * @param failed Number of these earlier samples that failed.
   */
  begin(total: number, before = 0, failed = 0): void {
    [this.#total, this.#before, this.#failed] = [total, before, failed];
    this.#furthest = before;
    this.#began = this.#environment.now();
    // The first line waits for an interval like every other line.
    if (this.#kind !== "bar") this.#shownAt = this.#began;
  }

  /**
   * Shows how far the run is; the count never goes back.
   *
   * @param count Samples done, including a fraction for a sample under way.
   * @param failed Number of failed samples; the last number by default.
   */
  update(count: number, failed = this.#failed): void {
    this.#failed = failed;
    // The count drops when an image starts again on another device, or is decoded ahead.
    this.#furthest = Math.max(this.#furthest, Math.min(count, this.#total));
    if (this.#environment.now() - this.#shownAt < INTERVALS[this.#kind]) return;
    this.#show(this.#furthest);
  }

  /**
   * Shows work whose total comes with each count; the first count starts the clock.
   *
   * @param failed Number of failures; the last number by default.
   */
  follow(count: number, total: number, failed?: number): void {
    if (this.#total === 0) this.begin(total);
    this.update(count, failed);
  }

  /** Shows for the last time how far the run is. A part of a sample does not count as done. */
  finish(done: number): void {
    const part = Math.min(this.#furthest, Math.floor(done) + 0.999);
    if (this.#kind !== "quiet") this.#show(Math.max(done, part));
    if (this.#isDrawn) this.#environment.write("\n");
    this.#isDrawn = false;
  }

  /** Removes the bar before other text is printed. */
  clear(): void {
    if (this.#isDrawn) this.#environment.write("\r\x1b[K");
    this.#isDrawn = false;
  }

  #print(level: "info" | "warning", text: string): void {
    if (this.#held) {
      this.#held.push(() => this.#print(level, text));
      return;
    }
    this.clear();
    const said = plainReason(asCalled(text));
    const line = this.#kind === "json" ? JSON.stringify({ [level]: said }) : said;
    this.#environment.write(`${line}\n`);
  }

  #show(count: number): void {
    const { write, now, columns } = this.#environment;
    this.#shownAt = now();
    const [total, failed] = [this.#total, this.#failed];
    const seconds = (now() - this.#began) / 1000;
    const rate = seconds > 0 ? Math.max(0, count - this.#before) / seconds : 0;
    const secondsLeft = count >= total ? 0 : rate > 0 ? (total - count) / rate : undefined;
    const done = Math.floor(count + 1e-6);
    if (this.#kind === "json") {
      const short = (value: number) => Number(value.toPrecision(4));
      const left = secondsLeft === undefined ? null : short(secondsLeft);
      const line = { done, total, failed, rate: short(rate), secondsLeft: left };
      return write(`${JSON.stringify(line)}\n`);
    }
    const text = [
      `${done}/${total} ${this.#unit}`,
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(rate > 0 ? [describeRate(rate, this.#unit)] : []),
      formatDuration(seconds),
      ...(secondsLeft ? [`${formatDuration(secondsLeft)} left`] : []),
    ].join(", ");
    if (this.#kind === "lines") return write(`${text}\n`);
    // The last column stays free, and the text takes its space before the bar.
    const width = Math.min(BAR_WIDTH, Math.max(0, columns - 2 - text.length));
    const filled = Math.round(Math.min(1, count / Math.max(1, total)) * width);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    write(`\r\x1b[K${`${bar} ${text}`.trimStart().slice(0, columns - 1)}`);
    this.#isDrawn = true;
  }
}

function describeRate(rate: number, unit: string): string {
  // A plural counts things, so that slow work can be in seconds per thing; MB is no plural.
  return rate >= 1 || !unit.endsWith("s")
    ? `${rate.toFixed(1)} ${unit}/s`
    : `${(1 / rate).toFixed(1)} s/${unit.slice(0, -1)}`;
}
