import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadBundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { RuntimeName, TensorData } from "../models/runtime/runtime.ts";
import { groundImage } from "../pipeline/ground.ts";
import { largestDifference } from "./support/replay.ts";
import { floats, readSafetensors } from "./support/safetensors.ts";
import { RUNTIMES_TO_TRY, testOn } from "./support/runtimes.ts";

const REFERENCE = new URL("../../shared/reference/diffusers", import.meta.url).pathname;
const CASES = ["a-sd1", "b-sd2", "c-radedit"];

/** Reads a reference's tensors and settings. */
async function openCase(name: string) {
  const tensors = await readSafetensors(`${REFERENCE}/${name}/expected.safetensors`);
  return {
    settings: JSON.parse(await Deno.readTextFile(`${REFERENCE}/${name}/expected.json`)),
    floats: (tensor: string) => floats(tensors, tensor),
    shape: (tensor: string) => tensors.get(tensor)!.shape,
  };
}

/** Compares every intermediate of a reference with a runtime's; returns the largest differences. */
async function compare(name: string, runtimeName: RuntimeName) {
  const { settings, floats, shape } = await openCase(name);
  const bundle = await loadBundle(`${REFERENCE}/${name}/model`);
  const runtime = await openRuntime(runtimeName);
  const options = { layers: "all", tokenSums: true, separate: true } as const;
  const model = await openModel(bundle, runtime, options);
  const { latentLength } = model;
  const image = floats("image.plain");
  const first = await model.encode(image);
  const { mean, logVariance } = await model.encodePosterior(image);
  const embeddings = floats("text.embeddings");
  const half = embeddings.length / 2;
  const texts = [
    await model.project(embeddings.subarray(0, half)),
    await model.project(embeddings.subarray(half)),
  ];
  const report = {
    latent: largestDifference(await model.read(first, latentLength), floats("latent")),
    mean: largestDifference(mean, floats("vae.mean")),
    logVariance: largestDifference(logVariance, floats("vae.logvar")),
    text: 0,
    prediction: 0,
    attention: 0,
    trajectory: 0,
  };
  const phrases = ["", settings.phrase].map((phrase) => bundle.tokenizer.encode(phrase));
  for (const [row, phrase] of phrases.entries()) {
    const embedded = await model.embed(phrase);
    const values = await model.read(embedded.data, half);
    embedded.release();
    report.text = Math.max(
      report.text,
      largestDifference(values, embeddings.subarray(row * half, (row + 1) * half)),
    );
  }
  for (const [i, timestep] of settings.unet_timesteps.entries()) {
    const latent = floats(`unet.${i}.latent`);
    const expected = floats(`unet.${i}.prediction`);
    for (const row of [0, 1]) {
      const prediction = await model.predict(latent, timestep, texts[row]!);
      const part = expected.subarray(row * latentLength, (row + 1) * latentLength);
      report.prediction = Math.max(report.prediction, largestDifference(prediction, part));
    }
    const maps = await model.attend([latent], [timestep], texts[1]!);
    assertEquals(maps.length, bundle.crossAttentionLayers);
    for (const map of maps) {
      const tensor = `unet.${i}.attention.${map.layers[0]}`;
      const [positions, columns] = shape(tensor) as [number, number];
      const all = await model.read(map.data, map.positions * map.tokens);
      const cut = all.filter((_, at) => at % map.tokens < columns);
      assertEquals(map.positions, positions);
      report.attention = Math.max(report.attention, largestDifference(cut, floats(tensor)));
      map.release();
    }
  }
  const { steps, timesteps, trajectory_steps: kept } = settings.vilouras;
  assertEquals(model.scheduler.timesteps(steps), timesteps);
  const trajectory = floats("vilouras.trajectory");
  // The last step multiplies any difference by thousands, so the walk begins at the reference's own
  // latent, and ends with the steps that attention is read at.
  let latent: TensorData = trajectory.slice(0, latentLength);
  for (let step = 0; step <= settings.vilouras.selected[1]; step++) {
    const at = kept.indexOf(step);
    if (at >= 0) {
      const part = trajectory.subarray(at * latentLength, (at + 1) * latentLength);
      const off = largestDifference(await model.read(latent, latentLength), part);
      report.trajectory = Math.max(report.trajectory, off);
    }
    const next = await model.step(latent, timesteps[step], timesteps[step + 1], texts[0]!);
    model.free(latent);
    latent = next;
  }
  model.free(latent);
  model.free(first);
  await model.close();
  runtime.gpu?.destroy();
  return report;
}

for (const runtime of RUNTIMES_TO_TRY) {
  for (const name of CASES) {
    testOn(runtime, `the networks give diffusers' intermediates of ${name}`, async () => {
      const report = await compare(name, runtime);
      console.log(`largest differences of ${name} on ${runtime}:`, report);
      assert(report.latent < 1e-4, "latent");
      assert(report.mean < 1e-4, "mean of the posterior");
      assert(report.logVariance < 1e-4, "log-variance of the posterior");
      assert(report.text < 1e-4, "text embeddings");
      assert(report.prediction < 2e-4, "output of the U-Net");
      assert(report.attention < 5e-5, "attention maps");
      assert(report.trajectory < 5e-4, "inversion latents");
    });
  }
}

Deno.test("calls of networks on WebGPU wait for each other, and give the same values", async () => {
  const bundle = await loadBundle(`${REFERENCE}/a-sd1/model`);
  const runtime = await openRuntime("webgpu");
  const models = [await openModel(bundle, runtime), await openModel(bundle, runtime)] as const;
  const keysOf = async (model: LdmModel, phrase: string) => {
    const embedded = await model.embed(bundle.tokenizer.encode(phrase));
    const text = await model.project(embedded.data);
    const [keys] = Object.values(text.tensors);
    const length = keys!.dims.reduce((product, side) => product * side);
    const values = await model.read(keys!.data as TensorData, length);
    embedded.release();
    text.release();
    return values;
  };
  const phrases = ["left pleural effusion", "cardiomegaly"];
  const calls = models.flatMap((model) => phrases.map((phrase) => () => keysOf(model, phrase)));
  const alone = [];
  for (const call of calls) alone.push(await call());
  assertEquals(await Promise.all(calls.map((call) => call())), alone);
  for (const model of models) await model.close();
  runtime.gpu?.destroy();
});

Deno.test("groundImage() gives the released code's heatmaps with models of diffusers", async () => {
  const runtime = await openRuntime("native");
  for (const name of CASES) {
    const { settings: { phrase, vilouras }, floats } = await openCase(name);
    const bundle = await loadBundle(`${REFERENCE}/${name}/model`);
    const [start, end] = vilouras.selected;
    const [heatmap] = await groundImage(`${REFERENCE}/${name}/image.png`, [phrase], {
      bundle,
      runtime,
      layers: vilouras.layers,
      steps: vilouras.steps,
      select: { kind: "indices", start, end },
    });
    const expected = floats("vilouras.heatmap");
    // A pixel at the threshold may fall on either side, because its value differs by 1e-4.
    const far = heatmap!.heatmap.filter((value, i) => Math.abs(value - expected[i]!) > 2e-3);
    const { otsu } = vilouras;
    assert(far.every((value) => value === 0 || Math.abs(value - otsu) < 2e-3), name);
    assert(far.length < expected.length / 100, `${far.length} pixels of ${name}`);
  }
});

Deno.test("loadBundle() takes each part from another folder, with the same hash", async () => {
  const model = `${REFERENCE}/a-sd1/model`;
  const folder = await Deno.makeTempDir({ prefix: "groundray-test-" });
  try {
    await Deno.mkdir(`${folder}/tuned`);
    await Deno.symlink(`${model}/unet`, `${folder}/tuned/unet_ema`);
    const parts = { vae: `${model}/vae`, textEncoder: model, scheduler: `${model}/scheduler` };
    const [whole, joined] = await Promise.all([
      loadBundle(model),
      loadBundle(`${folder}/tuned`, parts),
    ]);
    assertEquals(await joined.hash(), await whole.hash());
    assertEquals(joined.config, whole.config);
    const unet = `${folder}/tuned/unet_ema`;
    assertEquals(await (await loadBundle(unet, { unet, ...parts })).hash(), await whole.hash());
    assertEquals(whole.config.layers, [1, 3, 4]);
    const other = { ...parts, scheduler: `${REFERENCE}/b-sd2/model` };
    const changed = await loadBundle(`${folder}/tuned`, other);
    assert(await changed.hash() !== await whole.hash());
    await assertRejects(
      () => loadBundle(`${folder}/tuned`),
      Deno.errors.NotFound,
      "Cannot find the autoencoder (in another folder: name it, in a command by --vae)",
    );
    const demo = new URL("../models/demo", import.meta.url).pathname;
    await assertRejects(
      () => loadBundle(demo, { unet: `${model}/unet` }),
      TypeError,
      "expected the layout of diffusers",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("LdmModel.attend() gives each head's map and several sums of tokens from one pass", async () => {
  const bundle = await loadBundle(`${REFERENCE}/b-sd2/model`);
  const runtime = await openRuntime("native");
  const mean = await openModel(bundle, runtime, { layers: "all" });
  const each = await openModel(bundle, runtime, { layers: "all", eachHead: true });
  const latent = (await openCase("b-sd2")).floats("unet.0.latent");
  const columns = [0, 5].map((token) => {
    const weights = new Float32Array(bundle.tokenizer.positions);
    weights.fill(0.5, token, token + 2);
    return weights;
  });
  const phrase = bundle.tokenizer.encode("left pleural effusion");
  const text = await mean.condition(phrase);
  const whole = await mean.attend([latent], [250], text);
  const { prediction, maps } = await each.predictAndAttend(
    latent,
    250,
    await each.condition(phrase),
    columns,
  );
  assertEquals(maps.map(({ heads }) => heads), [1, 2, 4, 2, 2, 1, 1]);
  for (const [layer, { heads, positions, tokens, data }] of maps.entries()) {
    assertEquals(tokens, 2);
    const all = whole[layer]!.data as Float32Array;
    const sums = Float32Array.from({ length: positions * 2 }, (_, i) => {
      const [position, first] = [Math.floor(i / 2), i % 2 === 0 ? 0 : 5];
      const row = position * whole[layer]!.tokens + first;
      return (all[row]! + all[row + 1]!) / 2;
    });
    const means = sums.map((_, i) => {
      let sum = 0;
      for (let head = 0; head < heads; head++) {
        sum += (data as Float32Array)[head * positions * 2 + i]!;
      }
      return sum / heads;
    });
    assert(largestDifference(means, sums) < 1e-6, `layer ${layer}`);
  }
  const alone = await mean.predict(latent, 250, text);
  assertEquals(prediction.data, alone);
  await Promise.all([mean.close(), each.close()]);
});
