import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { DEFAULT_LAYERS, type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { ground, groundImage, groundRequests } from "./ground.ts";
import { type GroundSettings, resolveSettings } from "./settings/settings.ts";
import type { DatasetItem } from "../datasets/sample.ts";
import { writeGray } from "../tests/support/image.ts";
import { evaluate } from "./evaluate.ts";
import type { Method } from "./method.ts";
import { noisePasses } from "./noise.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;
const XRAY = drawPhantom({ seed: 3, width: 90, height: 110 });

async function writeXray(): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".png" });
  await writeGray(file, XRAY);
  return file;
}

async function withModel(test: (model: LdmModel) => Promise<void>): Promise<void> {
  const model = await openModel(await loadBundle(DEMO), await openRuntime("native"));
  try {
    await test(model);
  } finally {
    await model.close();
  }
}

/** Returns a bundle without steps and layers of its own, and the released code's layers. */
function silent({ bundle }: LdmModel) {
  const { steps: _steps, layers: _layers, select: _select, ...config } = bundle.config;
  return { bundle: { ...bundle, config }, layers: DEFAULT_LAYERS };
}

Deno.test("resolveSettings() makes the released code's choices", () =>
  withModel((bundled) => {
    const model = silent(bundled);
    const { start, end, steps, sigma, otsu, layers } = resolveSettings(model, {});
    assertEquals([start, end, steps, sigma, otsu], [120, 180, 300, 2.5, true]);
    assertEquals(layers, [3, 4, 6, 7]);
    const share = (start: number, end: number, steps: number) => {
      const resolved = resolveSettings(model, { steps, select: { kind: "share", start, end } });
      return [resolved.start, resolved.end];
    };
    assertEquals(share(0.4, 0.6, 300), [120, 180]);
    assertEquals(share(0.29, 0.57, 100), [29, 57]);
    return Promise.resolve();
  }));

Deno.test("resolveSettings() prefers a bundle's own settings to the released code's choices", () =>
  withModel((model) => {
    const config = { ...model.bundle.config, steps: 40, select: [0.25, 0.5] as const };
    const stated = { ...model, bundle: { ...model.bundle, config } };
    const { steps, start, end } = resolveSettings(stated, {});
    assertEquals([steps, start, end], [40, 10, 20]);
    const select = { kind: "indices", start: 3, end: 4 } as const;
    assertEquals(resolveSettings(stated, { select }).start, 3);
    return Promise.resolve();
  }));

Deno.test("resolveSettings() refuses settings out of range", () =>
  withModel((bundled) => {
    const model = silent(bundled);
    const indices = (start: number, end: number) => ({ kind: "indices" as const, start, end });
    const cases: [GroundSettings, string][] = [
      [{ steps: 0 }, "1 to 1000"],
      [{ steps: 5 }, "at least one step"],
      [{ steps: 10, select: indices(3, 3) }, "at least one step"],
      [{ steps: 10, select: indices(8, 11) }, "has 10 steps"],
      [{ sigma: 33 }, "0 to 32"],
      [{ sigma: NaN }, "0 to 32"],
      [{ seed: -1 }, "whole number"],
    ];
    for (const [settings, message] of cases) {
      assertThrows(() => resolveSettings(model, settings), RangeError, message);
    }
    return Promise.resolve();
  }));

Deno.test("ground() passes over a sample that fails and keeps the order", () =>
  withModel(async (model) => {
    const sample = (id: string, image: string) => ({ id, image, phrase: "haze", boxes: [] });
    const file = await writeXray();
    const samples = [sample("1", file), sample("2", "nowhere.png"), sample("3", file)];
    const kinds = [];
    let last = 0;
    const onProgress = (done: number) => {
      assert(done >= last && done <= 3);
      last = done;
    };
    for await (const result of ground(samples, { model, steps: 10, concurrency: 3, onProgress })) {
      kinds.push([result.sample.id, result.kind]);
    }
    await Deno.remove(file);
    assertEquals(kinds, [["1", "grounded"], ["2", "dropped"], ["3", "grounded"]]);
    assertEquals(last, 3);
  }));

Deno.test("evaluate() counts no finished phrase that runs again with its image", () =>
  withModel(async (model) => {
    const image = await writeXray();
    async function* items(): AsyncIterableIterator<DatasetItem> {
      for (const id of ["a", "b", "c"]) {
        const sample = { id, image, phrase: `phrase ${id}`, boxes: [] };
        yield await Promise.resolve({ kind: "sample", sample });
      }
    }
    const method: Method = {
      keepsOwnOrder: true,
      ground: (source, options) => groundRequests(source, { model, steps: 10, ...options }),
      close: () => Promise.resolve(),
    };
    // If the new phrase comes first, its result is out before the passes of the other two.
    for (const [done, fresh, early] of [[["a", "b"], "c", 0], [["b", "c"], "a", 1]] as const) {
      const seen: number[] = [];
      const onProgress = (count: number) => void seen.push(count);
      const options = { done: new Set(done), onProgress };
      const results = await Array.fromAsync(evaluate(items(), { method }, options));
      assertEquals(results.map(({ result }) => result.id), [fresh]);
      assertEquals([Math.max(...seen), seen.toSorted((a, b) => a - b)], [1, seen]);
      assert(seen.filter((count) => count === 1).length > early, `${seen}`);
    }
    await Deno.remove(image);
  }));

Deno.test("ground() pulls no image ahead of a consumer that is slow", () =>
  withModel(async (model) => {
    const file = await writeXray();
    let pulled = 0;
    async function* samples() {
      for (let i = 0; i < 8; i++) {
        pulled++;
        yield await Promise.resolve({ id: `${i}`, image: file, phrase: `haze ${i}`, boxes: [] });
      }
    }
    const concurrency = 2;
    let taken = 0;
    const options = { model, steps: 10, noise: "sample", concurrency, phrasesPerImage: 1 } as const;
    for await (const _ of ground(samples(), options)) {
      taken++;
      await new Promise((resolve) => setTimeout(resolve, 200));
      // Allow for the images decoded ahead, the image being decoded, and the image that ends a
      // group.
      assert(pulled <= taken + concurrency + 2, `${pulled} pulled when ${taken} were taken`);
    }
    await Deno.remove(file);
    assertEquals([taken, pulled], [8, 8]);
  }));

Deno.test("ground() ends after the current image on request", () =>
  withModel(async (model) => {
    const file = await writeXray();
    const controller = new AbortController();
    const sample = (id: string, image: string) => ({ id, image, phrase: `haze ${id}`, boxes: [] });
    const samples = ["1", "2", "3", "4"].map((id) => sample(id, id < "3" ? file : "other.png"));
    const ids = [];
    const options = { model, steps: 10, concurrency: 4, ending: controller.signal };
    for await (const { sample: { id } } of ground(samples, options)) {
      ids.push(id);
      controller.abort();
    }
    await Deno.remove(file);
    assertEquals(ids, ["1", "2"]);
  }));

Deno.test("ground() opens a bundle for itself, and checks its options at once", async () => {
  const bundle = await loadBundle(DEMO);
  const samples = [{ id: "1", image: "nowhere.png", phrase: "haze", boxes: [] }];
  const results = await Array.fromAsync(ground(samples, { bundle, steps: 10 }));
  assertEquals(results.map(({ kind }) => kind), ["dropped"]);
  assertThrows(() => ground(samples, {}), TypeError, "without a model");
  assertThrows(() => ground(samples, { bundle, steps: 2000 }), RangeError, "1 to 1000");
  for (const phrasesPerImage of [0, 1.5, NaN]) {
    assertThrows(() => ground(samples, { bundle, phrasesPerImage }), RangeError, "from 1");
  }
  assertThrows(() => ground(samples, { bundle, layers: [11] }), RangeError, "layer 11");
});

Deno.test("groundImage() gives a phrase the same heatmap with and without other phrases", () =>
  withModel(async (model) => {
    const [alone] = await groundImage(XRAY, ["left effusion"], { model, steps: 10 });
    const [, together] = await groundImage(XRAY, ["haze", "left effusion"], { model, steps: 10 });
    assertEquals(alone!.heatmap, together!.heatmap);
    assertEquals(alone!.smoothed, together!.smoothed);
  }));

Deno.test("groundImage() repeats its heatmap exactly, and changes it with noise, tokens and sigma", () =>
  withModel(async (model) => {
    const run = async (settings: GroundSettings) =>
      (await groundImage(XRAY, ["haze"], { model, steps: 10, ...settings }))[0]!.smoothed;
    const inversion = await run({});
    assertEquals(await run({ noise: "sample", seed: 1 }), await run({ noise: "sample", seed: 1 }));
    const others = [
      await run({ noise: "sample", seed: 1 }),
      await run({ noise: "sample", seed: 2 }),
      await run({ noise: "reverse" }),
      await run({ tokens: "ends" }),
      await run({ sigma: 1 }),
    ];
    for (const other of others) assert(other.some((value, i) => value !== inversion[i]));
  }));

Deno.test("groundImage() notes a phrase that the tokenizer changes", () =>
  withModel(async (model) => {
    const phrases = ["haze", "1 ".repeat(80), "zqx and Wkj zqx"];
    const [whole, cut, spelled] = await groundImage(XRAY, phrases, { model, steps: 10 });
    assertEquals(whole!.sample.notes, undefined);
    assertEquals(cut!.sample.notes, [
      "the phrase has 80 tokens, of which the model reads the first 75",
    ]);
    assertEquals(spelled!.sample.notes, [
      'the tokenizer reads "zqx" and "wkj" letter by letter',
    ]);
  }));

Deno.test("groundImage() stops between passes when its signal says so", () =>
  withModel(async (model) => {
    const controller = new AbortController();
    let passes = 0;
    const onProgress = () => {
      if (++passes === 3) controller.abort(new Error("enough"));
    };
    const { signal } = controller;
    await assertRejects(
      () => groundImage(XRAY, ["haze"], { model, steps: 50, signal, onProgress }),
      Error,
      "enough",
    );
    assertEquals(passes, 3);
  }));

Deno.test("groundImage() refuses to start without a phrase, a model or a known layer", async () => {
  const bundle = await loadBundle(DEMO);
  await assertRejects(() => groundImage(XRAY, [], { bundle }), TypeError, "without a phrase");
  await assertRejects(() => groundImage(XRAY, ["a", " "], { bundle }), TypeError, "phrase 2");
  await assertRejects(() => groundImage(XRAY, ["a"], {}), TypeError, "without a model");
  await assertRejects(
    () => groundImage(XRAY, ["a"], { bundle, layers: [11] }),
    RangeError,
    "layer 11",
  );
});

for (const noise of ["inversion", "reverse", "sample"] as const) {
  Deno.test(`an image takes the U-Net's passes that are announced, and none more: ${noise}`, () =>
    withModel(async (model) => {
      let [steps, attended, reported] = [0, 0, 0];
      const { step, attend } = model;
      const counting: LdmModel = Object.create(model, {
        step: { value: (...args: Parameters<typeof step>) => (steps++, step(...args)) },
        attend: {
          value: (...args: Parameters<typeof attend>) => {
            attended += args[1].length;
            return attend(...args);
          },
        },
      });
      const settings = { steps: 10, noise, select: { kind: "indices", start: 4, end: 7 } } as const;
      const resolved = resolveSettings(model, settings);
      assertEquals(noisePasses(resolved), { inversion: 6, reverse: 14, sample: 0 }[noise]);
      await groundImage(XRAY, ["haze", "left effusion"], {
        model: counting,
        ...settings,
        onProgress: (done) => reported = done,
      });
      assertEquals([steps, attended, reported], [noisePasses(resolved), 2 * 3, 2]);
    }));
}
