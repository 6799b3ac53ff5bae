import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { furthest } from "../../tests/support/gpu.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { openBiovil } from "./biovil.ts";
import type { BiovilVariant } from "./bundle.ts";
import { EXPECTED, expectedTensor } from "./fixtures/expected.ts";
import { IMAGE_SIZES, pattern } from "./fixtures/pattern.ts";
import { withSmallModel } from "./fixtures/small_model.ts";
import { RUNTIMES_TO_TRY, testOn } from "../../tests/support/runtimes.ts";

const TOLERANCE = 1e-4;
const VARIANTS: readonly [BiovilVariant, number][] = [["biovil", 15], ["biovil-t", 14]];
/**
 * A portrait, a landscape and a square image. The crop does not depend on the runtime, and a
 * software GPU is slow, so one image is enough there.
 */
const GROUNDED = {
  native: IMAGE_SIZES.slice(0, 3),
  wasm: IMAGE_SIZES.slice(0, 3),
  webgpu: IMAGE_SIZES.slice(0, 1),
  "webgpu-native": IMAGE_SIZES.slice(0, 1),
};
const PHRASES = EXPECTED.phrases.map(({ phrase }) => phrase);

function join(arrays: readonly Float32Array[]): Float32Array {
  return Float32Array.from(arrays.flatMap((array) => [...array]));
}

for (const [variant, side] of VARIANTS) {
  for (const name of RUNTIMES_TO_TRY) {
    testOn(
      name,
      `openBiovil() grounds as the public ${variant} does`,
      () =>
        withSmallModel(variant, async (folder) => {
          const runtime = await openRuntime(name);
          const model = await openBiovil(folder, runtime, variant);
          try {
            const embedded = [];
            for (const phrase of PHRASES) embedded.push(await model.embedPhrase(phrase));
            const off = furthest(join(embedded), await expectedTensor(`${variant}/phrases`));
            assert(off < TOLERANCE, `phrases: ${off}`);
            for (const [width, height] of GROUNDED[name]) {
              const image = { width, height, data: pattern(width, height) };
              const key = `${variant}/${width}x${height}`;
              const patches = furthest(
                await model.embedImage(image),
                await expectedTensor(`${key}/patches`),
              );
              const heatmaps = await model.ground(image, PHRASES.slice(0, 4));
              assertEquals(heatmaps.map((heatmap) => heatmap.side), [side, side, side, side]);
              const maps = furthest(
                join(heatmaps.map((heatmap) => heatmap.values)),
                await expectedTensor(`${key}/heatmaps`),
              );
              assert(patches < TOLERANCE && maps < TOLERANCE, `${key}: ${patches}, ${maps}`);
            }
          } finally {
            await model.close();
            runtime.gpu?.destroy();
          }
        }),
    );
  }
}

Deno.test("ground() gives a phrase the same heatmap alone and among others", () =>
  withSmallModel("biovil", async (folder) => {
    const model = await openBiovil(folder, await openRuntime("native"), "biovil");
    const image = { width: 40, height: 50, data: pattern(40, 50) };
    const together = await model.ground(image, PHRASES.slice(0, 3));
    const [alone] = await model.ground(image, [PHRASES[1]!]);
    assertEquals(together[1], alone);
    assertStrictEquals(await model.embedPhrase("left"), await model.embedPhrase("left"));
    assertEquals(model.view, { crop: 480, resized: 512 });
    assertEquals(model.name, "biovil");
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => model.ground(image, ["left"], { signal }), Error, "enough");
    await assertRejects(() => model.ground(image, ["left ".repeat(60)]), RangeError, "62 tokens");
    await model.close();
  }));
