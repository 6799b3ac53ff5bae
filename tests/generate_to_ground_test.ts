import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { generateToGroundStages, readSteps } from "../methods/generate_to_ground/stages.ts";
import { generate } from "../methods/generate.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../models/runtime/runtime.ts";
import { decode, type DecodedImage } from "../pipeline/decode.ts";
import { item } from "../pipeline/flow.ts";
import { largestDifference } from "./support/replay.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

/** Models and results of the released code; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../shared/reference/diffusers", import.meta.url).pathname;

/** Runs the method on a reference with the reference's noise; returns the differences. */
async function compare(name: string, runtimeName: RuntimeName) {
  const folder = `${REFERENCE}/${name}`;
  const tensors = await readSafetensors(`${folder}/expected.safetensors`);
  const { g2g, phrase, tokens } = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  assertEquals(readSteps(g2g.steps), g2g.last);
  const bundle = await loadBundle(`${folder}/model`);
  const runtime = await openRuntime(runtimeName);
  const model = await openModel(bundle, runtime, { layers: "all", tokenSums: true });
  assertEquals(model.scheduler.samplingTimesteps(g2g.steps), g2g.timesteps);
  const { latentLength } = model;
  const part = (tensor: string, at: number) =>
    floats(tensors, tensor).subarray(at * latentLength, (at + 1) * latentLength);
  const draws = {
    step: (step: number) => ({
      posterior: part("g2g.posterior_noise", step),
      noise: part("g2g.noise", step),
    }),
    start: () => part("g2g.generated", 0),
  };
  const options = { onPass: () => {} };
  const sample = { id: "1", image: "", phrase, boxes: [] };
  const report: Record<string, number> = {};
  for (const bbm of [false, true]) {
    const settings = { steps: g2g.steps, bbm, words: "content", seed: 0 } as const;
    const stages = generateToGroundStages(model, settings, draws);
    const source = decode((async function* () {
      yield await Promise.resolve(item({ image: `${folder}/image.png`, samples: [sample] }));
    })());
    for await (const flow of stages.prepare(source, options)) {
      if (flow.kind === "dropped") throw new Error(flow.dropped.reason);
      const noised = flow.item.noised;
      report.latents = Math.max(
        largestDifference(noised[0]!, part("g2g.latents", 0)),
        largestDifference(noised.at(-1)!, part("g2g.latents", 1)),
      );
      const { values, side, notes } = await stages.ground(flow.item, sample, options);
      assertEquals(side, 64);
      const expected = floats(tensors, bbm ? "g2g.map_bbm" : "g2g.map");
      const [low, high] = [Math.min(...expected), Math.max(...expected)];
      report[bbm ? "merged" : "map"] = largestDifference(
        values,
        expected.map((value) => (value - low) / (high - low)),
      );
      console.log(notes);
    }
  }
  console.log(name, runtimeName, report);
  await model.close();
  runtime.gpu?.destroy();
  return report;
}

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`Generate to Ground equals the released code on ${name}`, async () => {
    await compare(name, "native");
  });
}
