import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { daamLayers, HeadSums } from "../methods/daam/sums.ts";
import { daamStages } from "../methods/daam/stages.ts";
import { generate, readMaps } from "../methods/generate.ts";
import { chooseWords } from "../pipeline/settings/words.ts";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { phraseMethod } from "../methods/phrase_method.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { downsampling } from "../models/ldm/autoencoder.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../models/runtime/runtime.ts";
import { item } from "../pipeline/flow.ts";
import { largestDifference } from "./support/replay.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";

/** Models, and maps of DAAM's own trace; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../shared/reference/diffusers", import.meta.url).pathname;

/** Traces a generation from the reference's noise; returns the differences of the maps. */
async function compare(name: string, runtimeName: RuntimeName) {
  const folder = `${REFERENCE}/${name}`;
  const tensors = await readSafetensors(`${folder}/expected.safetensors`);
  const { daam, phrase: text } = JSON.parse(
    await Deno.readTextFile(`${folder}/expected.json`),
  );
  const bundle = await loadBundle(`${folder}/model`);
  const layers = daamLayers(bundle, daam.side);
  const runtime = await openRuntime(runtimeName);
  const model = await openModel(bundle, runtime, { layers, eachHead: true, tokenSums: true });
  const phrase = bundle.tokenizer.encode(text);
  const tokensOf = (choice: "all" | string[]) =>
    chooseWords(bundle.tokenizer, { phrase: text }, choice).words.flatMap(({ tokens }) => tokens);
  const report: Record<string, number> = {};
  for (
    const [key, tokens] of [["word", tokensOf([daam.word])], ["phrase", tokensOf("all")]] as const
  ) {
    const sums = new HeadSums(tokens.length);
    const made = generate(model, phrase, {
      steps: daam.steps,
      guidance: daam.guidance,
      start: floats(tensors, "daam.noise"),
      columns: tokens.map((token) =>
        Float32Array.from(phrase.ids, (_, at) => Number(at === token))
      ),
    });
    for await (const { maps } of made) sums.add(maps, await readMaps(model, maps, 1), 1);
    report[key] = largestDifference(sums.mean(daam.side), floats(tensors, `daam.${key}`));
  }
  await model.close();
  runtime.gpu?.destroy();
  return report;
}

for (const name of ["a-sd1", "b-sd2"]) {
  Deno.test(`DAAM's maps of a generation equal its own trace on ${name}`, async () => {
    const { word, phrase } = await compare(name, "native");
    assert(word! <= 5e-5, `${word}`);
    assert(phrase! <= 5e-5, `${phrase}`);
  });
}

Deno.test("daamLayers() leave out the middle, and maps of an eighth of the latent's side", () => {
  const crossAttentionNames = [
    ...["down_blocks.0.attentions.0", "down_blocks.3.attentions.0", "mid_block.attentions.0"],
    ...["middle_block.attention", "up_blocks.0.attentions.0", "up_blocks.3.attentions.2"],
  ];
  const crossAttentionSides = [64, 8, 8, 16, 8, 64];
  assertEquals(daamLayers({ crossAttentionNames, crossAttentionSides }, 64), [0, 5]);
  assertEquals(daamLayers({ crossAttentionNames, crossAttentionSides }, 96), [0, 1, 4, 5]);
});

Deno.test("phrases of DAAM share one trunk a step, to the same bytes", async () => {
  const bundle = await loadBundle("models/demo");
  const { imageSize, autoencoder } = bundle.config;
  const opened = await openModel(bundle, await openRuntime("native"), {
    layers: daamLayers(bundle, imageSize / downsampling(autoencoder)),
    eachHead: true,
    tokenSums: true,
  });
  let trunks = 0;
  const model: LdmModel = Object.create(opened, {
    trunk: {
      value: (...args: Parameters<LdmModel["trunk"]>) => {
        trunks += args[0].length;
        return opened.trunk(...args);
      },
    },
  });
  const image = drawPhantom({ seed: 4, width: 90, height: 110 });
  // More phrases than are read ahead; the tokenizer leaves nothing of the third.
  const phrases = Array.from({ length: 10 }, (_, i) => i === 2 ? "\u0085" : `haze ${i} effusion`);
  const samples = phrases.map((phrase, i) => ({ id: `${i}`, image: "", phrase, boxes: [] }));
  const method = phraseMethod(
    daamStages(model, { steps: 5, noise: "sample", seed: 1, words: "all" }),
    false,
  );
  const run = async (some: typeof samples) => {
    const source = [item({ image, samples: some })].values();
    const flows = await Array.fromAsync(method.ground((async function* () {
      yield* source;
      await Promise.resolve();
    })()));
    return flows.map((flow) =>
      flow.kind === "dropped"
        ? [flow.dropped.sample.id, flow.dropped.reason]
        : [flow.item.sample.id, "layers" in flow.item && flow.item.layers]
    );
  };
  const together = await run(samples);
  const steps = opened.scheduler.timesteps(5).length;
  assertEquals(trunks, 2 * steps);
  const alone = [];
  for (const sample of samples) alone.push(...await run([sample]));
  assertEquals(together, alone);
  assertEquals(together.map(([id]) => id), samples.map(({ id }) => id));
  await opened.close();
});
