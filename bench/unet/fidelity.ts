/**
 * `deno task bench:fidelity`: the cost in accuracy of faster settings. Grounds the same phantoms
 * with the paper's settings, with fewer steps, and with Gaussian noise. Prints the time that each
 * setting saves, and the distance of its heatmaps from the exact ones.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { EXIT, runMain } from "../../cli/kit/exit.ts";
import { command, helpText, parseFlags } from "../../cli/kit/flags.ts";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import type { Sample } from "../../datasets/sample.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { ground } from "../../pipeline/ground.ts";
import {
  DEFAULT_STEPS,
  type GroundSettings,
  resolveSettings,
} from "../../pipeline/settings/settings.ts";
import { noisePasses } from "../../pipeline/noise.ts";
import { DEMO } from "../../methods/ldm/ldm.ts";
import { readSamples } from "../../datasets/read_samples.ts";
import { describeMachine } from "../environment.ts";

const COMMAND = command({
  usage: "deno task bench:fidelity [options]",
  description:
    "Compares faster settings with the paper's T = 300 on synthetic phantoms: seconds a phrase, " +
    "and the distance of the heatmaps before the threshold and of mIoU from the exact ones.",
  flags: {
    model: {
      type: "string",
      placeholder: "DIR",
      default: DEMO,
      description: "Folder of the model.",
    },
    images: {
      type: "integer",
      min: 1,
      default: 8,
      placeholder: "N",
      description: "Phantoms, of one to three phrases each.",
    },
    seed: { type: "integer", min: 0, default: 77, placeholder: "N", description: "Their seed." },
  },
});

/** Settings by name; all are compared with the first. */
const PROFILES: Readonly<Record<string, GroundSettings>> = {
  "exact (T = 300)": { steps: DEFAULT_STEPS },
  "--steps 100": { steps: 100 },
  "--steps 50": { steps: 50 },
  "--steps 30": { steps: 30 },
  "--steps 20": { steps: 20 },
  "--noise sample": { steps: DEFAULT_STEPS, noise: "sample" },
  "--noise sample --steps 50": { steps: 50, noise: "sample" },
};

/**
 * Results of one setting over all phrases: heatmaps before the threshold, mean mIoU, and seconds in
 * total.
 */
interface Run {
  readonly heatmaps: readonly Float32Array[];
  readonly miou: number;
  readonly seconds: number;
}

async function run(model: LdmModel, samples: Sample[], settings: GroundSettings): Promise<Run> {
  const heatmaps: Float32Array[] = [];
  let miou = 0;
  const began = performance.now();
  for await (const result of ground(samples, { model, ...settings })) {
    if (result.kind === "dropped") throw new Error(`${result.sample.id}: ${result.reason}`);
    heatmaps.push(result.normalised);
    miou += result.scores!.miou / samples.length;
  }
  return { heatmaps, miou, seconds: (performance.now() - began) / 1000 };
}

/** Distance between two heatmaps of equal length: largest and mean difference, and correlation. */
function distance(one: Float32Array, other: Float32Array) {
  const mean = (map: Float32Array) => map.reduce((sum, value) => sum + value, 0) / map.length;
  const [meanOne, meanOther] = [mean(one), mean(other)];
  let [most, total, product, squares, otherSquares] = [0, 0, 0, 0, 0];
  one.forEach((value, i) => {
    const off = Math.abs(value - other[i]!);
    most = Math.max(most, off);
    total += off;
    product += (value - meanOne) * (other[i]! - meanOther);
    squares += (value - meanOne) ** 2;
    otherSquares += (other[i]! - meanOther) ** 2;
  });
  const correlation = product / Math.sqrt(squares * otherSquares);
  return { most, mean: total / one.length, correlation };
}

/**
 * Cost of one phrase on a new image, in whole passes of the U-Net. A phrase's pass costs `share` of
 * a whole pass.
 */
function wholePasses(model: LdmModel, settings: GroundSettings, share: number): number {
  const resolved = resolveSettings(model, settings);
  return noisePasses(resolved) + share * (resolved.end - resolved.start);
}

async function main(args: string[]): Promise<number> {
  const values = parseFlags(args, COMMAND);
  if (!values) {
    console.log(helpText(COMMAND));
    return EXIT.ok;
  }
  const model = await openModel(await loadBundle(values.model), await openRuntime("auto", "cpu"));
  const folder = await Deno.makeTempDir({ prefix: "groundray-bench-" });
  try {
    const { images, seed } = values;
    const { csv } = await writePhantomSet(folder, { seed, images });
    const samples = await readSamples(csv);
    const share = await frontShare(model);
    const { cpu, cpus } = describeMachine();
    console.log(
      `${samples.length} phrases, phantoms ${images}, seed ${seed}; ${cpus} x ${cpu}`,
    );
    console.log(`a phrase's pass is ${share.toFixed(2)} of a whole one\n`);
    const headings = ["passes", "less than", "s a", "off by", "off by", "corre-", "mIoU", "change"];
    const more = ["", "released", "phrase", "at most", "mean", "lation", "%", "points"];
    for (const line of [["", ...headings], ["", ...more]]) console.log(row(line));
    let exact: Run | undefined;
    for (const [name, settings] of Object.entries(PROFILES)) {
      const made = await run(model, samples, settings);
      exact ??= made;
      const distances = made.heatmaps.map((map, i) => distance(map, exact!.heatmaps[i]!));
      const mean = (of: (one: ReturnType<typeof distance>) => number) =>
        distances.reduce((sum, one) => sum + of(one), 0) / distances.length;
      const passes = wholePasses(model, settings, share);
      console.log(row([
        name,
        passes.toFixed(0),
        `${(RELEASED_PASSES / passes).toFixed(1)} x`,
        (made.seconds / samples.length).toFixed(2),
        Math.max(...distances.map(({ most }) => most)).toFixed(3),
        mean((one) => one.mean).toFixed(4),
        mean((one) => one.correlation).toFixed(4),
        (100 * made.miou).toFixed(1),
        (100 * (made.miou - exact.miou)).toFixed(2),
      ]));
    }
    return EXIT.ok;
  } finally {
    await model.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Passes of the released code for one phrase: 334 steps, phrase and empty phrase (docs/method.md,
 * section 5).
 */
const RELEASED_PASSES = 668;

/** Time of a pass that ends at the last chosen layer, as a share of a whole pass's time. */
async function frontShare(model: LdmModel): Promise<number> {
  const latent = new Float32Array(model.latentLength).map((_, i) => Math.sin(i));
  const text = await model.condition(model.bundle.tokenizer.encode(""));
  const batch = Array.from({ length: model.batch }, () => latent);
  const time = async (work: () => Promise<unknown>) => {
    await work();
    const began = performance.now();
    for (let i = 0; i < 5; i++) await work();
    return performance.now() - began;
  };
  const whole = await time(() => model.step(latent, 0, 1, text));
  const cut = await time(() => model.attend(batch, batch.map((_, i) => 400 + i), text, [1, 2]));
  return cut / batch.length / whole;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => i === 0 ? cell.padEnd(26) : cell.padStart(10)).join("").trimEnd();
}

if (import.meta.main) await runMain(main);
