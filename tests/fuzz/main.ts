/**
 * `deno task fuzz`: fuzzes every reader of files that come from outside the program.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags, UsageError } from "../../cli/kit/flags.ts";
import { type Crash, fuzz, type Tally, TARGETS, tryInput } from "./fuzz.ts";

const FUZZ = command({
  usage: "deno task fuzz",
  description: "Gives every reader of files hostile inputs; each must be read or refused in a " +
    "sentence, within bounds of time and memory.",
  flags: {
    seed: { type: "integer", min: 0, max: 2 ** 26, default: 1, description: "Decides all inputs." },
    inputs: {
      type: "integer",
      min: 1,
      default: 200_000,
      description: "How many, over all readers.",
    },
    only: { type: "string", placeholder: "READER", description: "One reader.", defaultText: "all" },
    out: {
      type: "string",
      placeholder: "DIR",
      default: "out/fuzz",
      description: "Folder for inputs that fail.",
    },
    replay: { type: "string", placeholder: "FILE", description: "Reads one input that failed." },
  },
});

const WIDTHS = [38, 8, 8, 9, 12, 10];

const row = (cells: readonly unknown[]) =>
  cells.map((cell, i) =>
    i === 0 ? `${cell}`.padEnd(WIDTHS[0]!) : `${cell}`.padStart(WIDTHS[i] ?? 0)
  )
    .join("");

function show({ name, inputs, valid, refused, crashes, slowest, memory }: Tally): string {
  const classes = [...refused].sort().map(([type, count]) => `${type} ${count}`).join(", ");
  const numbers = [inputs, valid, crashes, slowest.toFixed(1), (memory / 2 ** 20).toFixed(1)];
  return `${row([name, ...numbers])}  ${classes}`;
}

function total(tallies: readonly Tally[]): Tally {
  const refused = new Map<string, number>();
  for (const [type, count] of tallies.flatMap((tally) => [...tally.refused])) {
    refused.set(type, (refused.get(type) ?? 0) + count);
  }
  const sum = (of: (tally: Tally) => number) => tallies.reduce((all, tally) => all + of(tally), 0);
  return {
    name: "all",
    inputs: sum(({ inputs }) => inputs),
    valid: sum(({ valid }) => valid),
    refused,
    crashes: sum(({ crashes }) => crashes),
    slowest: Math.max(...tallies.map(({ slowest }) => slowest)),
    memory: Math.max(...tallies.map(({ memory }) => memory)),
  };
}

/**
 * Returns the name of an input's file: reader, seed and index, from which the input can be made
 * again.
 */
const fileOf = (target: string, seed: number, index: number) =>
  `${target.replace(/\W/g, "-")}.${seed}.${index}.input`;

async function replay(path: string, folder: string): Promise<number> {
  const name = path.slice(path.lastIndexOf("/") + 1).split(".")[0];
  const target = TARGETS.find((target) => target.name.replace(/\W/g, "-") === name);
  if (!target) {
    throw new UsageError(`Option "--replay" got "${path}": no reader is named "${name}"`);
  }
  const { broken, refused, time } = await tryInput(target, await Deno.readFile(path), folder);
  console.log(`${broken ?? refused ?? "valid"} (${time.toFixed(1)} ms)`);
  return broken ? EXIT.error : EXIT.ok;
}

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const flags = parseFlags(args, FUZZ);
  if (!flags) {
    console.log(helpText(FUZZ));
    return EXIT.ok;
  }
  const { seed, inputs, only, out } = flags;
  const targets = TARGETS.filter(({ name }) => only === undefined || name === only);
  if (targets.length === 0) {
    const names = TARGETS.map(({ name }) => name).join(", ");
    throw new UsageError(`Option "--only" must be one of ${names}, got "${only}"`);
  }
  const folder = await Deno.makeTempDir({ prefix: "groundray-fuzz-" });
  try {
    if (flags.replay !== undefined) return await replay(flags.replay, folder);
    const onCrash = async ({ target, input, reason }: Crash, index: number) => {
      const path = `${out}/${fileOf(target, seed, index)}`;
      await Deno.mkdir(out, { recursive: true });
      await Deno.writeFile(path, input);
      console.error(`${path}: ${reason}`);
    };
    const tallies: Tally[] = [];
    console.log(
      row(["reader", "inputs", "valid", "crashes", "slowest ms", "most MiB"]) + "  refused",
    );
    for await (const tally of fuzz({ seed, inputs, targets, folder, onCrash })) {
      signal.throwIfAborted();
      tallies.push(tally);
      console.log(show(tally));
    }
    const all = total(tallies);
    console.log(show(all));
    return all.crashes > 0 ? EXIT.error : EXIT.ok;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runMain(main);
