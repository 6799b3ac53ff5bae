/**
 * `deno task bench:e2e [--steps T] [--monai DIR] [--model DIR]`: times one image at full size, with
 * one phrase and with four. The peers follow the released code's schedule, on the same runtime and
 * in PyTorch. Each contender runs in a process of its own, one after another, so that its peak
 * memory is its own.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { resourceUsage } from "node:process";
import { runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { groundImage } from "../../pipeline/ground.ts";
import { resolveSettings } from "../../pipeline/settings/settings.ts";
import { drawPhantom } from "../../datasets/phantom/phantom.ts";
import { preprocess } from "../../images/preprocess.ts";
import { describeMachine, MODULES } from "../environment.ts";
import { median } from "../median.ts";
import { writeSeededBundle } from "./seeded_bundle.ts";

const COMMAND = command({
  usage: "deno task bench:e2e [options]",
  description:
    "Times the heatmaps of one and of four phrases of an image at full size with seeded weights, " +
    "against the released code's schedule on the same runtime and in PyTorch (the first python3 of " +
    "the path, if it has MONAI Generative). Runs few steps, and shows what they come to at T = 300.",
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
    model: {
      type: "string",
      placeholder: "DIR",
      description: "A bundle to time.",
      defaultText: "one with seeded weights, written for the run",
    },
  },
});

const PHRASES = [
  "left pleural effusion",
  "cardiomegaly",
  "patchy opacity in the right lower lung",
  "small left apical pneumothorax",
] as const;

/** Measurements that a process reports of itself. */
interface Report {
  /** Seconds from image to heatmaps, by number of phrases. */
  readonly total?: Readonly<Record<string, number>>;
  /** Median seconds of each part. */
  readonly parts: Readonly<Record<string, number>>;
  /** Peak memory of the process, in bytes. */
  readonly peakBytes: number;
  /** Name and version of the runtime. */
  readonly version: string;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const xray = drawPhantom({ seed: 1, width: 2544, height: 3056 });

/** Measures Groundray's ordinary path from image to heatmaps, and its parts. */
async function measureOurs(model: LdmModel, steps: number): Promise<Report> {
  const { bundle } = model;
  const { start, end } = resolveSettings(model, { steps });
  await groundImage(xray, PHRASES.slice(0, 1), { model, steps });
  const total: Record<string, number> = {};
  for (const count of [1, PHRASES.length]) {
    const phrases = PHRASES.slice(0, count);
    total[count] = await seconds(() => groundImage(xray, phrases, { model, steps }));
  }
  const empty = await model.condition(bundle.tokenizer.encode(""));
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  const batch = Array.from({ length: model.batch }, () => latent);
  const full: number[] = [];
  const phrase: number[] = [];
  for (let i = 0; i < 5; i++) {
    full.push(await seconds(() => model.step(latent, 0, 1, empty)));
    const timesteps = batch.map((_, step) => 400 + step);
    phrase.push(await seconds(() => model.attend(batch, timesteps, empty, [1, 4])) / batch.length);
  }
  const passes = median(full) * (end - 1) + median(phrase) * (end - start);
  return {
    total,
    parts: { full: median(full), phrase: median(phrase), rest: total[1]! - passes },
    peakBytes: resourceUsage().maxRSS * 1024,
    version: model.runtime.version,
  };
}

/** Measures the released schedule on the same runtime: whole U-Net, phrase and empty phrase. */
async function measureReleased(model: LdmModel, steps: number): Promise<Report> {
  const { bundle } = model;
  const texts = [
    await model.condition(bundle.tokenizer.encode("")),
    await model.condition(bundle.tokenizer.encode(PHRASES[0])),
  ];
  const latent = await model.encode(preprocess(xray, bundle.config.imageSize));
  const step: number[] = [];
  // Step 0 warms the runtime up and stays out of the median.
  for (let i = 0; i <= steps; i++) {
    step.push(
      await seconds(async () => {
        for (const text of texts) await model.predict(latent, 3 * i, text);
      }),
    );
  }
  return {
    parts: { step: median(step.slice(1)) },
    peakBytes: resourceUsage().maxRSS * 1024,
    version: model.runtime.version,
  };
}

/** Measures one contender in a process of its own. */
async function apart(name: string, path: string, steps: number): Promise<Report> {
  const args = [
    ...["run", "--allow-read", "--allow-env=INIT_CWD,IMAGESCRIPT_WASM_SIMD"],
    ...["--allow-sys=cpus", `--allow-ffi=${MODULES}`],
  ];
  return await lastLine("deno", [...args, import.meta.filename!, name, path, String(steps)]);
}

async function lastLine(program: string, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(decoder.decode(stderr).trim().split("\n").at(-1));
  return JSON.parse(decoder.decode(stdout).trim().split("\n").at(-1)!);
}

/**
 * Measures the released schedule in PyTorch; if that fails, prints the reason and returns
 * `undefined`.
 */
async function measurePyTorch(steps: number, monai: string | undefined) {
  const script = new URL("e2e_peer.py", import.meta.url).pathname;
  try {
    const { seconds, peakBytes, version } = await lastLine(
      "python3",
      [script, String(steps), ...(monai ? [monai] : [])],
    );
    return { parts: { step: median(seconds) }, peakBytes, version } as Report;
  } catch (error) {
    console.error(`Without PyTorch: ${(error as Error).message}.`);
    return undefined;
  }
}

async function main(args: string[]): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { steps, monai } = values;
  const folder = values.model ?? await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    if (!values.model) await writeSeededBundle(folder);
    const ours = await apart("ours", folder, steps);
    const released = await apart("released", folder, Math.min(steps, 8));
    const torch = await measurePyTorch(Math.min(steps, 8), monai);
    print(steps, ours, released, torch);
    return 0;
  } finally {
    if (!values.model) await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Step counts at T = 300 (docs/method.md, step 5): all of the inversion, full passes, steps read.
 */
const AT_300 = { all: 334, last: 179, read: 60 };

function print(steps: number, ours: Report, released: Report, torch: Report | undefined): void {
  const { cpu, cpus } = describeMachine();
  const { full, phrase, rest } = ours.parts as { full: number; phrase: number; rest: number };
  console.log(`${cpus} x ${cpu}, full size, seeded float32 weights, 2544x3056 image\n`);
  console.log(`Ours, ${ours.version}: peak ${gigabytes(ours)}`);
  console.log(
    `  T = ${steps}, measured: ${s(ours.total![1]!)} for 1 phrase, ` +
      `${s(ours.total![PHRASES.length]!)} for ${PHRASES.length}`,
  );
  console.log(`  a full pass ${s(full)}, a phrase's pass ${s(phrase)}, all else ${s(rest)}`);
  const at300 = (phrases: number) => rest + AT_300.last * full + phrases * AT_300.read * phrase;
  for (const count of [1, PHRASES.length]) {
    console.log(
      `  T = 300, ${count} phrase${count > 1 ? "s" : ""}: ${s(rest)} + ${AT_300.last} x ${
        s(full)
      }` +
        ` + ${count} x ${AT_300.read} x ${s(phrase)} = ${s(at300(count))}`,
    );
  }
  console.log(
    `  T = 300, a phrase on a cached trajectory: ${AT_300.read} x ${s(phrase)} = ` +
      `${s(AT_300.read * phrase)}, ${AT_300.read} x ${(phrase / full).toFixed(3)} of a full pass`,
  );
  for (const [what, report] of [["The released schedule", released], ["PyTorch", torch]] as const) {
    if (!report) continue;
    const { step } = report.parts as { step: number };
    console.log(`\n${what}, ${report.version}: peak ${gigabytes(report)}`);
    for (const count of [1, PHRASES.length]) {
      const total = count * AT_300.all * step;
      console.log(
        `  T = 300, ${count} phrase${count > 1 ? "s" : ""}: ${count} x ${AT_300.all} x ${
          s(step)
        } = ` +
          `${s(total)}, ${(total / at300(count)).toFixed(2)} x ours`,
      );
    }
  }
}

function s(value: number): string {
  return `${value.toFixed(2)} s`;
}

function gigabytes({ peakBytes }: Report): string {
  return `${(peakBytes / 1e9).toFixed(2)} GB`;
}

async function measure([name, path, steps]: string[]): Promise<void> {
  const layers = name === "released" ? "all" : undefined;
  const runtime = await openRuntime("native");
  const model = await openModel(await loadBundle(path!), runtime, { ...(layers && { layers }) });
  const run = name === "released" ? measureReleased : measureOurs;
  console.log(JSON.stringify(await run(model, Number(steps))));
  await model.close();
}

if (import.meta.main) {
  if (["ours", "released"].includes(Deno.args[0]!)) await measure(Deno.args);
  else await runMain(main);
}
