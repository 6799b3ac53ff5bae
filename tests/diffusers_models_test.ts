import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import type { AttentionMaps } from "../models/ldm/unet_session.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import type { RuntimeName } from "../models/runtime/runtime.ts";
import { largestDifference } from "./support/replay.ts";
import { readSafetensors } from "./support/safetensors.ts";

const REFERENCE = new URL("../../shared/reference/diffusers", import.meta.url).pathname;
const CASES = ["a-sd1", "b-sd2", "c-radedit"];

/** Reads a reference's tensors and settings. */
async function openCase(name: string) {
  const tensors = await readSafetensors(`${REFERENCE}/${name}/expected.safetensors`);
  return {
    settings: JSON.parse(await Deno.readTextFile(`${REFERENCE}/${name}/expected.json`)),
    floats: (tensor: string) => tensors.get(tensor)!.data as Float32Array,
    shape: (tensor: string) => tensors.get(tensor)!.shape,
  };
}

/** Compares every intermediate of a reference with a runtime's; returns the largest differences. */
async function compare(name: string, runtimeName: RuntimeName) {
  const { settings, floats, shape } = await openCase(name);
  const bundle = await loadBundle(`${REFERENCE}/${name}/model`);
  assertEquals(bundle.config.layers, settings.vilouras.layers_by_size ?? bundle.config.layers);
  const runtime = await openRuntime(runtimeName);
  const options = { layers: "all", tokenSums: true, separate: true } as const;
  const model = await openModel(bundle, runtime, options);
  const { latentLength } = model;
  const image = floats("image.plain");
  const first = await model.encode(image);
  const { mean, logVariance } = await model.encodePosterior(image);
  const embeddings = floats("text.embeddings");
  const half = embeddings.length / 2;
  const texts = await Promise.all(
    [0, 1].map((row) => model.project(embeddings.subarray(row * half, (row + 1) * half))),
  );
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
  let latent = first;
  for (let step = 0; step <= Math.max(...kept); step++) {
    const at = kept.indexOf(step);
    if (at >= 0) {
      const part = trajectory.subarray(at * latentLength, (at + 1) * latentLength);
      const off = largestDifference(await model.read(latent, latentLength), part);
      console.log(name, runtimeName, "step", step, off);
      report.trajectory = Math.max(report.trajectory, off);
    }
    const from = timesteps[step];
    if (from === undefined) break;
    const to = timesteps[step + 1] ?? from + settings.vilouras.ratio;
    latent = await model.step(latent, from, to, texts[0]!);
  }
  await model.close();
  runtime.gpu?.destroy();
  return report;
}

for (const runtime of ["native"] as const) {
  for (const name of CASES) {
    Deno.test(`the networks give diffusers' intermediates of ${name} on ${runtime}`, async () => {
      const report = await compare(name, runtime);
      console.log(name, runtime, report);
      assert(report.latent < 1e-4, "latent");
    });
  }
}
