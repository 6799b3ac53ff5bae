import "../base/host/deno/mod.ts";
import { assert } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { preprocess } from "../images/preprocess.ts";
import { type Bundle, loadBundle } from "../models/ldm/bundle.ts";
import { defaultLayers, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { groundImage } from "../pipeline/ground.ts";
import { postprocess } from "../pipeline/postprocess.ts";
import { resolveSettings } from "../pipeline/settings/settings.ts";
import type { GrayImage } from "../base/geometry.ts";
import { largestDifference, openReference } from "./support/replay.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;
const TINY = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;

/**
 * Follows the released code's schedule without shortcuts. Every step of the inversion runs the
 * whole U-Net on the phrase, and the maps of every layer are kept.
 */
async function plainSmoothed(
  bundle: Bundle,
  image: GrayImage,
  phrase: string,
  steps: number,
): Promise<Float32Array> {
  const model = await openModel(bundle, await openRuntime("native"), { layers: "all" });
  const settings = resolveSettings({ bundle, layers: defaultLayers(bundle) }, { steps });
  const { timesteps, start, end } = settings;
  const empty = await model.condition(bundle.tokenizer.encode(""));
  const encoded = bundle.tokenizer.encode(phrase);
  const text = await model.condition(encoded);
  const kept = new Map<number, Float32Array[]>();
  const shapes = new Map<number, [positions: number, tokens: number]>();
  let latent = await model.encode(preprocess(image, bundle.config.imageSize));
  for (const [step, timestep] of timesteps.entries()) {
    const maps = await model.attend([latent], [timestep], text);
    await model.predict(latent, timestep, text);
    for (const { layers: [layer], data, positions, tokens } of maps) {
      kept.set(layer!, [...kept.get(layer!) ?? [], data as Float32Array]);
      shapes.set(layer!, [positions, tokens]);
    }
    latent = await model.step(latent, timestep, timesteps[step + 1] ?? Infinity, empty);
  }
  await model.close();
  const layers = settings.layers.map((layer) => ({
    data: Float32Array.from(kept.get(layer)!.slice(start, end).flatMap((map) => [...map])),
    shape: [end - start, ...shapes.get(layer)!] as const,
  }));
  return postprocess({
    layers,
    tokenStart: 1,
    tokenEnd: encoded.length - 1,
    size: bundle.config.imageSize,
  }).smoothed;
}

const cases = [
  {
    name: "the reference's model",
    folder: TINY,
    steps: (await openReference(TINY)).steps,
    image: () => decodeImage(`${TINY}/image.png`),
    phrases: ["small left effusion", "enlarged heart", "haze in the right lower zone"],
  },
  {
    name: "the bundled model",
    folder: DEMO,
    steps: 50,
    image: () => Promise.resolve(drawPhantom({ seed: 5, width: 150, height: 128 })),
    phrases: ["small left pleural effusion", "cardiomegaly"],
  },
];

for (const { name, folder, steps, image, phrases } of cases) {
  Deno.test(`what is left out changes nothing: ${name}`, async () => {
    const bundle = await loadBundle(folder);
    const gray = await image();
    const runtime = await openRuntime("native");
    const model = await openModel(bundle, runtime);
    assert(model.batch > 1, "steps go through the U-Net together");
    const results = await groundImage(gray, phrases, { model, steps });
    await model.close();
    for (const [i, phrase] of phrases.entries()) {
      const plain = await plainSmoothed(bundle, gray, phrase, steps);
      const off = largestDifference(results[i]!.smoothed, plain);
      console.log(`largest difference of "${phrase}": ${off}`);
      assert(off < 1e-4, `${phrase}: ${off}`);
    }
  });
}
