/**
 * `deno task bench:browser`: the page that runs the model itself, in headless Chromium.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags, UsageError } from "../../cli/kit/flags.ts";
import { describeMachine, RESULTS } from "../environment.ts";
import { measureFirstLook } from "./first_look.ts";
import { measureFullSize } from "./full_size.ts";
import { measureNextSample } from "./next_sample.ts";
import { measurePhraseMemory } from "./phrase_memory.ts";
import { measureGpuPress, measurePress } from "./press.ts";
import { type Measured, tables } from "./report.ts";
import { measureSliders } from "./sliders.ts";

const COMMAND = command({
  usage: "deno task bench:browser [options]",
  description:
    "Measures the page that runs the model itself, in headless Chromium: its size and first paint, " +
    "a press on an example, memory over many phrases, sliders, the next sample of a run, and a model " +
    "of the published size (seeded weights, 2.4 GB, written for the run). Takes a quarter of an hour.",
  flags: {
    gpu: {
      type: "boolean",
      default: true,
      description: "Leave out the model on WebGPU, which Chromium has in software here.",
    },
    full: {
      type: "boolean",
      default: true,
      description: "Leave out the model of the published size.",
    },
    phrases: {
      type: "integer",
      min: 25,
      default: 50,
      placeholder: "N",
      description: "Phrases over which memory is watched, a multiple of 25.",
    },
    out: {
      type: "string",
      placeholder: "DIR",
      description: "Folder to write to.",
      defaultText: "bench/results",
    },
  },
});

async function main(args: string[], signal: AbortSignal): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const { gpu, full, phrases, out = RESULTS } = values;
  if (phrases % 25 > 0) throw new UsageError(`--phrases: ${phrases} is no multiple of 25`);
  const part = async <T>(what: string, measure: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    console.error(what);
    return await measure();
  };
  const measured: Measured = {
    look: await part("size and first paint", measureFirstLook),
    press: await part("a press on an example", measurePress),
    memory: await part("memory over phrases", () => measurePhraseMemory(phrases)),
    sliders: [
      await part("sliders, on the processor", () => measureSliders("cpu")),
      await part("sliders, on WebGPU", () => measureSliders("gpu")),
    ],
    next: await part("the next sample of a run", measureNextSample),
    ...(full && { fullSize: await part("the published size", measureFullSize) }),
    ...(gpu && { gpuPress: await part("a press, on WebGPU", measureGpuPress) }),
  };
  const date = new Date().toISOString().slice(0, 10);
  const machine = describeMachine();
  const lines = [
    `The page of \`deno task serve\` in headless Chromium, ${date}, ${machine.cpus} x ${machine.cpu}.`,
    "",
    ...tables(measured),
    "",
  ];
  console.log(lines.join("\n"));
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/${date}-browser.md`, lines.join("\n"));
  const report = { date, machine, deno: Deno.version.deno, ...measured };
  await Deno.writeTextFile(`${out}/${date}-browser.json`, `${JSON.stringify(report, null, 2)}\n`);
  return EXIT.ok;
}

if (import.meta.main) await runMain(main);
