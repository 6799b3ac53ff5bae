/**
 * The common part of all benchmarks: options, timing, memory, peers and results.
 *
 * @module
 */

import { cpus } from "node:os";
import { resourceUsage } from "node:process";
import { TextLineStream } from "@std/streams/text-line-stream";
import { folderFlag } from "../base/options.ts";
import { EXIT, runMain } from "../cli/kit/exit.ts";
import { command, type Flags, helpText, parseFlags, type ValuesOf } from "../cli/kit/flags.ts";

/** Folder that holds the native runtime's library. */
const MODULES = pathOf("../node_modules", import.meta.url);

/**
 * Option for a count.
 *
 * @param standard Number without the option.
 */
export function countFlag(description: string, standard: number, min = 1) {
  return { type: "integer", min, default: standard, placeholder: "N", description } as const;
}

/** Option of every benchmark. */
export const OUT = {
  ...folderFlag("Folder to write the result to, such as bench/results."),
  defaultText: "nothing is written",
} as const;

/** A benchmark's task, subject and options. */
export interface Bench<F extends Flags> {
  /** Name of the task, such as `bench:model`; the written file is called after it. */
  readonly task: string;
  readonly description: string;
  readonly flags: F;
}

/** Result of a benchmark. */
export interface Result {
  /** Lines of Markdown. */
  readonly lines: readonly string[];
  /** Texts of further files by their endings, such as `svg`. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Runs a benchmark as a command: prints its result, and writes it with `--out`.
 *
 * @param measure Returns the result, or only lines of Markdown.
 */
export async function runBench<const F extends Flags>(
  { task, description, flags }: Bench<F>,
  measure: (values: ValuesOf<F>, signal: AbortSignal) => Promise<string[] | Result>,
): Promise<void> {
  const usage = `deno task ${task} [options]`;
  const declaration = command({ usage, description, flags: { out: OUT, ...flags } });
  await runMain(async (args, signal) => {
    const values = parseFlags(args, declaration);
    if (!values) {
      console.log(helpText(declaration));
      return EXIT.ok;
    }
    const date = new Date().toISOString().slice(0, 10);
    const all = cpus();
    const machine = `${all.length} x ${all[0]?.model ?? "unknown CPU"}, Deno ${Deno.version.deno}`;
    const result = await measure(values as ValuesOf<F>, signal);
    const { lines, files } = "files" in result ? result : { lines: result, files: {} };
    const text = [`${task}, ${date}, ${machine}.`, "", ...lines].join("\n");
    console.log(text);
    const { out } = values as { out?: string };
    if (out === undefined) return EXIT.ok;
    await Deno.mkdir(out, { recursive: true });
    for (const [ending, content] of Object.entries({ md: `${text}\n`, ...files })) {
      await Deno.writeTextFile(`${out}/${date}-${task.replace("bench:", "")}.${ending}`, content);
    }
    return EXIT.ok;
  });
}

/** Returns the path of a file beside a module. */
export function pathOf(name: string, module: string): string {
  return decodeURIComponent(new URL(name, module).pathname);
}

/** Gives `work` a temporary folder, and removes the folder afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns a table in Markdown. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)];
}

/** Formats bytes in gigabytes. */
export function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}

/** Returns the middle value; of an even number of values, the higher of the middle two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/**
 * Ratios of two contenders that took turns, one of each round: their median, with their range.
 *
 * @param digits Digits after the point.
 * @returns Text such as `3.15 (3.02 to 3.31)`.
 */
export function spreadOfRatios(
  times: readonly number[],
  others: readonly number[],
  digits = 2,
): string {
  const ratios = times.map((time, i) => time / others[i]!);
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)]
    .map((ratio) => ratio.toFixed(digits));
  return `${middle} (${least} to ${most})`;
}

/** Slope of the least-squares line through the points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  let [product, square] = [0, 0];
  for (const [x, y] of points) {
    product += (x - meanX) * (y - meanY);
    square += (x - meanX) ** 2;
  }
  return product / square;
}

/** Returns the seconds that `work` takes. */
export async function seconds(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** Work to time. A returned number counts as the seconds, in place of the call's duration. */
export type Timed = () => number | void | Promise<number | void>;

/**
 * Times several contenders in turn, so that other load on the machine affects all of them.
 *
 * @param rounds Number of counted rounds; one round before them warms up.
 * @returns Seconds of each round, for each contender in order.
 */
export async function timeInTurn(
  contenders: readonly Timed[],
  rounds: number,
): Promise<number[][]> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, run] of contenders.entries()) {
      let own: number | void = undefined;
      const took = await seconds(async () => own = await run());
      if (round > 0) times[i]!.push(own ?? took);
    }
  }
  return times;
}

/** Peak memory of this process, in bytes. */
export function peakBytes(): number {
  return resourceUsage().maxRSS * 1024;
}

/** Permissions of a module in a process of its own. */
const PERMISSIONS = [
  "--allow-read",
  "--allow-env=INIT_CWD,ORT_DISABLE_TELEMETRY,IMAGESCRIPT_WASM_SIMD",
  "--allow-sys=cpus",
  `--allow-ffi=${MODULES}`,
];

/**
 * Runs a module in a process of its own, so that its peak memory is its own.
 *
 * @param module Path of the module.
 * @returns The JSON on the last line of its output.
 */
export async function apart<T>(module: string, args: readonly string[]): Promise<T> {
  return await lastLine("deno", ["run", ...PERMISSIONS, module, ...args]);
}

/** Starts a module in a process of its own, which answers each line; see {@linkcode startPeer}. */
export async function startApart(module: string, args: readonly string[]): Promise<Peer> {
  return await start("deno", ["run", ...PERMISSIONS, module, ...args], `${module} failed`);
}

/**
 * Runs a program.
 *
 * @returns The JSON on the last line of its output.
 * @throws {Error} If the program fails; with the last line of its complaint.
 */
export async function lastLine<T>(program: string, args: string[]): Promise<T> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args }).output();
  const last = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim().split("\n").at(-1)!;
  if (code !== 0) throw new Error(last(stderr));
  return JSON.parse(last(stdout));
}

/** A process that answers each line of its input with a line of JSON. */
export interface Peer {
  /** Version of the process's libraries. */
  readonly version: string;
  /** Sends a line and returns the answer. */
  ask<T>(line: string): Promise<T>;
  /** Ends the process. */
  close(): Promise<void>;
}

/**
 * Starts a script with the first `python3` of the path.
 *
 * @param script Path of the script, which names the packages that it needs.
 * @returns The process, once the script's first line has told the version.
 */
export async function startPeer(script: string, args: readonly string[]): Promise<Peer> {
  const complaint = `python3 ended; ${script} says what to install`;
  return await start("python3", [script, ...args], complaint);
}

async function start(program: string, args: string[], complaint: string): Promise<Peer> {
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const next = async () => {
    const { value, done } = await lines.read();
    if (!done) return JSON.parse(value as string);
    throw new Error(`Cannot measure the peer: ${complaint}`);
  };
  const { version } = await next();
  return {
    version,
    async ask(line) {
      await writer.write(new TextEncoder().encode(`${line}\n`));
      return await next();
    },
    async close() {
      await writer.close();
      await child.status;
    },
  };
}
