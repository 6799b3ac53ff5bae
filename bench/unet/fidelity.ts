/**
 * `deno task bench:fidelity`: the cost in accuracy of faster settings. Grounds the same phantoms
 * with the paper's settings, with fewer steps, and with Gaussian noise. Prints the time that each
 * setting saves, and the distance of its heatmaps from the exact ones.
 *
 * @module
 */

import "../../base/host/deno/mod.ts";
import { folderFlag } from "../../base/options.ts";
import { writePhantomSet } from "../../datasets/phantom/phantom_set.ts";
import type { Sample } from "../../datasets/sample.ts";
import { loadBundle } from "../../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { ground } from "../../pipeline/ground.ts";
import { DEMO } from "../../methods/ldm/ldm.ts";
import { readSamples } from "../../tests/support/read_samples.ts";
import {
  DEFAULT_STEPS,
  type GroundSettings,
  resolveSettings,
} from "../../pipeline/settings/settings.ts";
import { noisePasses } from "../../pipeline/noise.ts";
import { countFlag, inFolder, median, runBench, table, timeInTurn } from "../harness.ts";

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

/** Correlation of two heatmaps of equal length. */
function correlation(one: Float32Array, other: Float32Array): number {
  const mean = (map: Float32Array) => map.reduce((sum, value) => sum + value, 0) / map.length;
  const [meanOne, meanOther] = [mean(one), mean(other)];
  let [product, squares, otherSquares] = [0, 0, 0];
  one.forEach((value, i) => {
    product += (value - meanOne) * (other[i]! - meanOther);
    squares += (value - meanOne) ** 2;
    otherSquares += (other[i]! - meanOther) ** 2;
  });
  return product / Math.sqrt(squares * otherSquares);
}

/**
 * Cost of one phrase on a new image, in whole passes of the U-Net. A phrase's pass costs `share` of
 * a whole pass.
 */
function wholePasses(model: LdmModel, settings: GroundSettings, share: number): number {
  const resolved = resolveSettings(model, settings);
  return noisePasses(resolved) + share * (resolved.end - resolved.start);
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
  const [whole, cut] = (await timeInTurn([
    async () => void await model.step(latent, 0, 1, text),
    async () => void await model.attend(batch, batch.map((_, i) => 400 + i), text, [1, 2]),
  ], 5)).map(median) as [number, number];
  return cut / batch.length / whole;
}

/** Returns the table: a row a setting. */
async function compare(model: LdmModel, samples: Sample[]): Promise<string[]> {
  const share = await frontShare(model);
  const rows: string[][] = [];
  let exact: Run | undefined;
  for (const [name, settings] of Object.entries(PROFILES)) {
    const made = await run(model, samples, settings);
    const { heatmaps, miou } = exact ??= made;
    const passes = wholePasses(model, settings, share);
    const mean = made.heatmaps.reduce(
      (sum, map, i) => sum + correlation(map, heatmaps[i]!) / samples.length,
      0,
    );
    rows.push([
      name,
      passes.toFixed(0),
      `${(RELEASED_PASSES / passes).toFixed(1)} x`,
      (made.seconds / samples.length).toFixed(2),
      mean.toFixed(4),
      (100 * (made.miou - miou)).toFixed(2),
    ]);
  }
  return [
    `${samples.length} phrases; a phrase's pass is ${share.toFixed(2)} of a whole one.`,
    "",
    ...table(
      ["", "passes", "fewer than released", "s a phrase", "correlation", "mIoU, points"],
      rows,
    ),
  ];
}

await runBench({
  task: "bench:fidelity",
  description:
    "Compares faster settings with the paper's T = 300 on synthetic phantoms: seconds a " +
    "phrase, and the distance of the heatmaps before the threshold and of mIoU from the exact ones.",
  flags: {
    model: { ...folderFlag("Folder of the model."), default: DEMO },
    images: countFlag("Phantoms, of one to three phrases each.", 8),
    seed: countFlag("Their seed.", 77, 0),
  },
}, ({ model: path, images, seed }) =>
  inFolder(async (folder) => {
    const model = await openModel(await loadBundle(path), await openRuntime("auto", "cpu"));
    try {
      const { csv } = await writePhantomSet(folder, { seed, images });
      return await compare(model, await readSamples(csv));
    } finally {
      await model.close();
    }
  }));
