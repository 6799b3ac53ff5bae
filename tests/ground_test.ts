import "../base/host/deno/mod.ts";
import { assert, assertAlmostEquals } from "@std/assert";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { groundImage } from "../pipeline/ground.ts";
import { largestDifference, openReference } from "./support/replay.ts";
import { RUNTIMES_TO_TRY, testOn } from "./support/runtimes.ts";

const FOLDER = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;

for (const name of RUNTIMES_TO_TRY) {
  testOn(name, "groundImage() gives the reference's heatmap from the image file", async () => {
    const reference = await openReference(FOLDER);
    const bundle = await loadBundle(FOLDER);
    const { steps, layers, prompt } = reference;
    const runtime = await openRuntime(name);
    const model = await openModel(bundle, runtime, { layers });
    const [grounded] = await groundImage(`${FOLDER}/image.png`, [prompt], { model, steps });
    await model.close();
    runtime.gpu?.destroy();
    const result = grounded!;
    const smoothed = largestDifference(result.smoothed, reference.floats("smoothed"));
    console.log(`largest difference of the smoothed map on ${name}: ${smoothed}`);
    assert(smoothed < 1e-4);
    const { threshold } = reference;
    assertAlmostEquals(result.threshold!, threshold, 0.5 / 256);
    const expected = reference.floats("heatmap");
    result.heatmap.forEach((value, i) => {
      const isNearThreshold = Math.abs(result.normalised[i]! - threshold) < 1e-3;
      assert(isNearThreshold || Math.abs(value - expected[i]!) < 2e-3, `pixel ${i}`);
    });
  });
}
