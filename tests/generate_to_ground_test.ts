import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import type { Box, Size } from "../base/geometry.ts";
import { generateToGroundStages, readSteps } from "../methods/generate_to_ground/stages.ts";
import { generate } from "../methods/generate.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../models/runtime/runtime.ts";
import { decode } from "../pipeline/decode.ts";
import { item } from "../pipeline/flow.ts";
import { scoreFrame } from "../scoring/generate_to_ground.ts";
import { largestDifference } from "./support/replay.ts";
import { floats, readSafetensors, type ReferenceTensor } from "./support/safetensors.ts";

/** Models and results of the released code; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../shared/reference/diffusers", import.meta.url).pathname;

/** Scores of a map by name. */
interface MapScores {
  readonly scores: Readonly<Record<string, number>>;
}

/** Settings and scores of a reference. */
interface Expected {
  readonly phrase: string;
  readonly boxes: readonly Box[];
  readonly image: Size;
  readonly g2g: Readonly<Record<"steps" | "last" | "guidance", number>> & {
    readonly timesteps: number[];
    readonly map: MapScores;
    readonly map_bbm: MapScores;
  };
}

/** A reference with its open model. */
interface Case {
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, ReferenceTensor>;
  readonly expected: Expected;
  readonly model: LdmModel;
  /** Returns a latent of a tensor of latents. */
  readonly part: (tensor: string, at: number) => Float32Array;
}

async function openCase(name: string, runtimeName: RuntimeName): Promise<Case> {
  const folder = `${REFERENCE}/${name}`;
  const tensors = await readSafetensors(`${folder}/expected.safetensors`);
  const expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  const runtime = await openRuntime(runtimeName);
  const bundle = await loadBundle(`${folder}/model`);
  const model = await openModel(bundle, runtime, { layers: "all", tokenSums: true });
  const { latentLength: length } = model;
  const part = (tensor: string, at: number) =>
    floats(tensors, tensor).subarray(at * length, (at + 1) * length);
  return { folder, tensors, expected, model, part };
}

async function closeCase({ model }: Case): Promise<void> {
  const { gpu } = model.runtime;
  await model.close();
  gpu?.destroy();
}

/** Grounds the reference's phrase with the reference's noise; returns latents and map. */
async function ground({ folder, expected, model, part }: Case, bbm: boolean) {
  const { phrase, boxes, g2g: { steps } } = expected;
  const draws = {
    step: (step: number) => ({
      posterior: part("g2g.posterior_noise", step),
      noise: part("g2g.noise", step),
    }),
    start: () => part("g2g.generated", 0),
  };
  const settings = { steps, bbm, words: "content", seed: 0 } as const;
  const stages = generateToGroundStages(model, settings, draws);
  const sample = { id: "1", image: "", phrase, boxes };
  const source = (async function* () {
    yield await Promise.resolve(item({ image: `${folder}/image.png`, samples: [sample] }));
  })();
  const options = { onPass: () => {} };
  for await (const flow of stages.prepare(decode(source), options)) {
    if (flow.kind === "dropped") throw new Error(flow.dropped.reason);
    const { noised } = flow.item;
    return { noised, map: await stages.ground(flow.item, sample, options) };
  }
  throw new Error("the image was lost");
}

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`Generate to Ground equals the released code on ${name}`, async () => {
    const reference = await openCase(name, "native");
    const { tensors, expected: { g2g, image, boxes }, model, part } = reference;
    assertEquals(model.scheduler.samplingTimesteps(g2g.steps), g2g.timesteps);
    assertEquals(readSteps(g2g.steps), g2g.last);
    for (const [key, bbm] of [["map", false], ["map_bbm", true]] as const) {
      const { noised, map } = await ground(reference, bbm);
      assert(largestDifference(noised[0]!, part("g2g.latents", 0)) <= 1e-5);
      assert(largestDifference(noised.at(-1)!, part("g2g.latents", 1)) <= 1e-5);
      const expected = floats(tensors, `g2g.${key}`);
      const [low, high] = [Math.min(...expected), Math.max(...expected)];
      const scaled = expected.map((value) => (value - low) / (high - low));
      assert(largestDifference(map.values, scaled) <= 2e-3, key);
      const { top1: _, distance: _1, ...scores } = scoreFrame(map.values, 64, image, boxes)!;
      for (const [score, value] of Object.entries(scores)) {
        assert(Math.abs(value - g2g[key].scores[score]!) <= 2e-3, `${key} ${score}`);
      }
    }
    await closeCase(reference);
  });
}

Deno.test("generate() moves latents as StableDiffusionPipeline with DDIM does", async () => {
  const reference = await openCase("a-sd1", "native");
  const { expected: { phrase, g2g }, model, part } = reference;
  const latents: Float32Array[] = [];
  const made = generate(model, model.bundle.tokenizer.encode(phrase), {
    steps: g2g.steps,
    guidance: g2g.guidance,
    start: part("g2g.generated", 0),
    columns: [0, 1],
  });
  for await (const { latent } of made) latents.push(latent);
  assertEquals(latents.length, g2g.steps);
  assert(largestDifference(latents[1]!, part("g2g.generated", 1)) <= 5e-4);
  await closeCase(reference);
});
