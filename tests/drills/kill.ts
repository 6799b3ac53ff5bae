/**
 * `deno task drill:kill`: kills an evaluation many times at random moments, and compares its
 * results with an undisturbed evaluation's.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import { Random } from "../../base/random.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { killEval } from "../support/kill.ts";

const COMMAND = command({
  usage: "deno task drill:kill [options]",
  description:
    "Runs an evaluation of phantoms once in peace, then kills it at random instants and lets it go " +
    "on, until it is through; then from the start again. Half of the time a power cut is played " +
    "too: results and heatmaps lose their ends, or have zeros there or inside. Says how many runs " +
    "came to other bytes.",
  flags: {
    kills: { type: "integer", min: 1, default: 50, placeholder: "N", description: "How many." },
    images: { type: "integer", min: 2, default: 60, placeholder: "N", description: "Phantoms." },
    seed: {
      type: "integer",
      min: 0,
      default: 1,
      placeholder: "N",
      description: "Of the instants.",
    },
  },
});

/** Longest time from a run's first new result to the kill, in milliseconds. */
const LONGEST = 1500;

/** Highest number of bytes of a file that a power cut damages. */
const LOST = 8_000;

/** Damages a file as a power cut would: truncates it, or zeroes a part at or near its end. */
async function damage(path: string, random: Random): Promise<void> {
  const bytes = await Deno.readFile(path);
  const start = Math.max(0, bytes.length - random.integer(1, LOST));
  const kind = random.uniform();
  if (kind < 1 / 3) return await Deno.truncate(path, start);
  bytes.fill(0, start, kind < 2 / 3 ? bytes.length : random.integer(start, bytes.length));
  await Deno.writeFile(path, bytes);
}

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const random = new Random(values.seed);
  let [kills, runs, different] = [0, 0, 0];
  await inFolder(async (folder) => {
    await writePhantomSet(`${folder}/set`, { seed: 7, images: values.images });
    const settings = ["--dataset", "set", "--steps", "10", "--noise", "sample"];
    const read = (out: string) => Deno.readTextFile(`${folder}/${out}/results.jsonl`);
    const heatmaps = async (out: string) =>
      (await Deno.readFile(`${folder}/${out}/heatmaps.bin`)).toHex();
    const whole = await runCommand("eval", [...settings, "--out", "whole"], folder);
    if (whole.code !== EXIT.ok) throw new Error(whole.stderr);
    while (kills < values.kills) {
      const out = `run-${++runs}`;
      const run = [...settings, "--out", out];
      while (kills < values.kills) {
        signal.throwIfAborted();
        if (!await killEval(folder, run, LONGEST * random.uniform())) break;
        kills++;
        for (const name of ["results.jsonl", "heatmaps.bin"]) {
          if (random.uniform() < 0.5) await damage(`${folder}/${out}/${name}`, random);
        }
        console.error(
          `${kills} of ${values.kills}: ${(await read(out)).split("\n").length - 1} lines`,
        );
      }
      const { code, stderr } = await runCommand("eval", run, folder);
      if (code !== EXIT.ok) throw new Error(stderr);
      const isSame = await read(out) === await read("whole") &&
        await heatmaps(out) === await heatmaps("whole");
      if (!isSame) different++;
    }
  });
  console.log(`${kills} kills in ${runs} runs; ${different} of the runs came to other bytes.`);
  return different === 0 ? EXIT.ok : EXIT.error;
}

if (import.meta.main) await runMain(main);
