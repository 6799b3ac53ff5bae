/**
 * `deno task bench:browser`: the page that runs the model itself, in headless Chromium.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { UsageError } from "../../cli/kit/flags.ts";
import { countFlag, runBench } from "../harness.ts";
import { measureFirstLook } from "./first_look.ts";
import { measureFullSize } from "./full_size.ts";
import { measureNextSample } from "./next_sample.ts";
import { measurePhraseMemory } from "./phrase_memory.ts";
import { measureGpuPress, measurePress } from "./press.ts";

await runBench({
  task: "bench:browser",
  description:
    "Measures the page that runs the model itself, in headless Chromium: its size and first paint, " +
    "a press on an example, memory over many phrases, the next sample of a run, and a model of the " +
    "published size (seeded weights, 2.4 GB, written for the run). Takes a quarter of an hour.",
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
    phrases: countFlag("Phrases over which memory is watched, a multiple of 5.", 50, 25),
  },
}, async ({ gpu, full, phrases }, signal) => {
  if (phrases % 5 > 0) throw new UsageError(`--phrases: ${phrases} is no multiple of 5`);
  const rows: string[] = [];
  const part = async (subject: string, measure: () => Promise<string[]>) => {
    signal.throwIfAborted();
    console.error(subject);
    rows.push(...await measure());
  };
  await part("size and first paint", measureFirstLook);
  await part("a press on an example", measurePress);
  await part("memory over phrases", () => measurePhraseMemory(phrases));
  await part("the next sample of a run", measureNextSample);
  if (full) await part("the published size", measureFullSize);
  if (gpu) await part("a press, on WebGPU", measureGpuPress);
  return ["| the page, in headless Chromium | |", "| --- | --- |", ...rows];
});
