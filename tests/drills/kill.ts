/**
 * `deno task drill:kill`: kills an evaluation many times over, at random
 * instants, and compares what it comes to with one that was left alone.
 *
 * @module
 */

import { EXIT, runMain } from "../../cli/_exit.ts";
import { command, helpText, parseFlags } from "../../cli/_flags.ts";
import { writePhantomSet } from "../../mod.ts";
import { Random } from "../../pipeline/random.ts";
import { inFolder, runCommand } from "../support/command.ts";
import { killEval } from "../support/kill.ts";

const COMMAND = command({
  usage: "deno task drill:kill [options]",
  description:
    "Runs an evaluation of phantoms once in peace, then kills it at random instants and lets it go " +
    "on, until it is through; then from the start again. Says how many lines were lost or differ.",
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

/** Longest time from a run's first result to its end, in milliseconds. */
const LONGEST = 1500;

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
        // Half of the time the power is cut too: the last bytes never reached the disk.
        const path = `${folder}/${out}/results.jsonl`;
        const { size } = await Deno.stat(path);
        if (random.uniform() < 0.5) await Deno.truncate(path, size - random.integer(1, 100));
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
