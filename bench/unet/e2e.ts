/**
 * `deno task bench:e2e`: times one image at full size, with one phrase and with four. The peers
 * follow the released code's schedule, on the same runtime and in PyTorch. Each contender runs in a
 * process of its own, one after another.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { preprocess } from "../../images/preprocess.ts";
import { groundImage, type LdmModel, loadBundle, openModel, openRuntime } from "../../mod.ts";
import { resolveSettings } from "../../pipeline/settings/settings.ts";
import {
  apart,
  inFolder,
  lastLine,
  median,
  pathOf,
  peakBytes,
  runBench,
  seconds,
  timeInTurn,
} from "../harness.ts";
import { writeSeededBundle } from "./seeded_bundle.ts";

const PHRASES = [
  "left pleural effusion",
  "cardiomegaly",
  "patchy opacity in the right lower lung",
  "small left apical pneumothorax",
] as const;

/** Steps that the released schedule is timed on. */
const RELEASED_STEPS = 8;

/**
 * Step counts at T = 300 (docs/method.md, step 5): all of the inversion, full passes, steps read.
 */
const AT_300 = { all: 334, last: 179, read: 60 };

/** Measurements that a process reports of itself. */
interface Report {
  /** Name and version of the runtime. */
  readonly version: string;
  readonly peakBytes: number;
}

/** Seconds of Groundray: a full pass, a phrase's pass, and all else of one image. */
interface Ours extends Report {
  readonly full: number;
  readonly phrase: number;
  readonly rest: number;
}

/** Seconds of each step of the released schedule. */
interface Released extends Report {
  readonly seconds: readonly number[];
}

const xray = drawPhantom({ seed: 1, width: 2544, height: 3056 });

/** Measures Groundray's ordinary path from image to heatmaps, and its parts. */
async function measureOurs(model: LdmModel, steps: number): Promise<Ours> {
  const { bundle } = model;
  const { start, end } = resolveSettings(model, { steps });
  const one = () => groundImage(xray, PHRASES.slice(0, 1), { model, steps });
  await one();
  const total = await seconds(one);
  await groundImage(xray, PHRASES, { model, steps });
  const empty = await model.condition(bundle.tokenizer.encode(""));
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  const batch = Array.from({ length: model.batch }, () => latent);
  const timesteps = batch.map((_, step) => 400 + step);
  const [full, phrases] = (await timeInTurn([
    async () => void await model.step(latent, 0, 1, empty),
    async () => void await model.attend(batch, timesteps, empty, [1, 4]),
  ], 5)).map(median) as [number, number];
  const phrase = phrases / batch.length;
  const rest = total - full * (end - 1) - phrase * (end - start);
  return { full, phrase, rest, peakBytes: peakBytes(), version: model.runtime.version };
}

/** Measures the released schedule on the same runtime: whole U-Net, phrase and empty phrase. */
async function measureReleased(model: LdmModel): Promise<Released> {
  const { bundle } = model;
  const texts = [
    await model.condition(bundle.tokenizer.encode("")),
    await model.condition(bundle.tokenizer.encode(PHRASES[0])),
  ];
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  let timestep = 0;
  const [step] = await timeInTurn([async () => {
    for (const text of texts) await model.predict(latent, timestep, text);
    timestep += 3;
  }], RELEASED_STEPS);
  return { seconds: step!, peakBytes: peakBytes(), version: model.runtime.version };
}

/** Runs one contender, and prints its report. */
async function measure([name, path, steps]: string[]): Promise<void> {
  const runtime = await openRuntime("native");
  const layers = name === "released" ? { layers: "all" } as const : {};
  const model = await openModel(await loadBundle(path!), runtime, layers);
  const report = name === "released"
    ? await measureReleased(model)
    : await measureOurs(model, Number(steps));
  console.log(JSON.stringify(report));
  await model.close();
}

/** Measures the released schedule in PyTorch; `undefined`, with the reason, where that fails. */
async function measurePyTorch(monai: string | undefined): Promise<Released | undefined> {
  const script = pathOf("e2e_peer.py", import.meta.url);
  try {
    return await lastLine("python3", [script, String(RELEASED_STEPS), ...(monai ? [monai] : [])]);
  } catch (error) {
    console.error(`Without PyTorch: ${(error as Error).message}.`);
    return undefined;
  }
}

/** Returns the table of all contenders at T = 300. */
function table(ours: Ours, peers: readonly (Released | undefined)[]): string[] {
  const counts = [1, PHRASES.length];
  const gigabytes = ({ peakBytes }: Report) => `${(peakBytes / 1e9).toFixed(2)} GB`;
  const own = (count: number) =>
    ours.rest + AT_300.last * ours.full + count * AT_300.read * ours.phrase;
  const row = (name: string, of: (count: number) => string, report: Report) =>
    `| ${name}, ${report.version} | ${counts.map(of).join(" | ")} | ${gigabytes(report)} |`;
  const rows = peers.flatMap((peer) => {
    if (!peer) return [];
    const total = (count: number) => count * AT_300.all * median(peer.seconds);
    const cell = (count: number) =>
      `${total(count).toFixed(0)} s, ${(total(count) / own(count)).toFixed(2)} x`;
    return [row("the released schedule", cell, peer)];
  });
  return [
    `A full pass ${ours.full.toFixed(2)} s, a phrase's pass ${
      ours.phrase.toFixed(2)
    } s, all else ` +
    `${ours.rest.toFixed(2)} s; a phrase on a cached trajectory ` +
    `${(AT_300.read * ours.phrase).toFixed(1)} s. At T = 300, from the passes:`,
    "",
    `| | ${counts.map((count) => `${count} phrase${count > 1 ? "s" : ""}`).join(" | ")} | peak |`,
    "| --- | --- | --- | --- |",
    row("Groundray", (count) => `${own(count).toFixed(0)} s`, ours),
    ...rows,
  ];
}

if (["ours", "released"].includes(Deno.args[0]!)) await measure(Deno.args);
else {
  await runBench({
    task: "bench:e2e",
    description: "Times the heatmaps of one and of four phrases of an image at full size with " +
      "seeded weights, against the released code's schedule on the same runtime and in PyTorch " +
      "(the first python3 of the path, if it has MONAI Generative).",
    flags: {
      steps: {
        type: "integer",
        min: 10,
        max: 100,
        default: 20,
        placeholder: "T",
        description: "Number of inversion steps that are run.",
      },
      monai: {
        type: "string",
        placeholder: "DIR",
        description: "Checkout of MONAI GenerativeModels, where it is not installed.",
      },
    },
  }, ({ steps, monai }) =>
    inFolder(async (folder) => {
      await writeSeededBundle(folder);
      const ours = await apart<Ours>(import.meta.filename!, ["ours", folder, String(steps)]);
      const released = await apart<Released>(import.meta.filename!, ["released", folder]);
      return table(ours, [released, await measurePyTorch(monai)]);
    }));
}
