import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { furthest } from "../tests/support/gpu.ts";
import { inFolder } from "../tests/support/command.ts";
import { groundImage, type GroundImageOptions } from "./ground.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;
const XRAY = drawPhantom({ seed: 3, width: 90, height: 110 });
const PHRASES = Array.from({ length: 20 }, (_, i) => `haze ${"left ".repeat(i)}effusion`);
const MODEL = await openModel(await loadBundle(DEMO), await openRuntime("native"));

/** Runs phrases with a model that counts its trunks and shares them or not. */
async function run(options: Partial<GroundImageOptions>, isShared: boolean, phrases = PHRASES) {
  const seen = { steps: 0, conditions: 0, live: 0, most: 0, without: 0 };
  const counted = (trunk: Awaited<ReturnType<LdmModel["trunk"]>>) => {
    seen.most = Math.max(seen.most, seen.live += trunk.count);
    return { ...trunk, release: () => (seen.live -= trunk.count, trunk.release()) };
  };
  const texts = new Set<unknown>();
  const model: LdmModel = Object.create(MODEL, {
    trunk: {
      value: async (...args: Parameters<LdmModel["trunk"]>) => {
        seen.steps += args[0].length;
        return counted(await MODEL.trunk(...args));
      },
    },
    joinTrunks: {
      value: (...[trunks]: Parameters<LdmModel["joinTrunks"]>) =>
        trunks.length === 1 ? trunks[0] : counted(MODEL.joinTrunks(trunks)),
    },
    condition: {
      value: async (...args: Parameters<LdmModel["condition"]>) => {
        const text = await MODEL.condition(...args);
        texts.add(text);
        return text;
      },
    },
    attend: {
      value: (...args: Parameters<LdmModel["attend"]>) => {
        if (!args[4]) seen.without++;
        return isShared
          ? MODEL.attend(...args)
          : MODEL.attend(...args.slice(0, 4) as [never, never, never]);
      },
    },
    step: {
      value: (...args: Parameters<LdmModel["step"]>) =>
        isShared
          ? MODEL.step(...args)
          : MODEL.step(...args.slice(0, 4) as [never, never, never, never]),
    },
  });
  const results = await groundImage(XRAY, phrases, { model, steps: 30, ...options });
  return { results, ...seen, conditions: texts.size };
}

for (const noise of ["inversion", "reverse", "sample"] as const) {
  Deno.test(`${noise}: all phrases share one trunk a step, which changes nothing`, async () => {
    const select = { kind: "indices", start: 4, end: 25 } as const;
    const shared = await run({ noise, select }, true);
    assertEquals(shared.steps, 21);
    assertEquals(shared.without, 0);
    assertEquals(shared.live, 0);
    // A batch, its joined copy and the step after it.
    assert(shared.most <= 2 * MODEL.batch + 1, `${shared.most} trunks at once`);
    // Each phrase is encoded once, although there are more phrases than the model keeps by itself.
    assert(shared.conditions <= PHRASES.length + 1, `${shared.conditions} texts encoded`);
    const alone = await run({ noise, select }, false);
    for (const [i, { smoothed }] of shared.results.entries()) {
      const off = furthest(smoothed, alone.results[i]!.smoothed);
      assert(off < 1e-6, `"${PHRASES[i]}" differs by ${off}`);
    }
  });
}

Deno.test("latents of the cache get one trunk a batch of steps for all phrases", () =>
  inFolder(async (cache) => {
    const select = { kind: "indices", start: 0, end: 20 } as const;
    const phrases = PHRASES.slice(0, 3);
    const first = await run({ cache, select }, true, phrases);
    const again = await run({ cache, select }, true, phrases);
    assertEquals([first.steps, again.steps], [20, 20]);
    assert(again.most <= MODEL.batch);
    for (const [i, { smoothed }] of again.results.entries()) {
      assert(furthest(smoothed, first.results[i]!.smoothed) < 1e-6);
    }
  }));

Deno.test("windows that end within a batch keep to their steps, upwards and downwards", async () => {
  const window = (name: string, start: number, end: number) => ({
    name,
    layers: MODEL.layers,
    otsu: false,
    select: { kind: "indices", start, end } as const,
  });
  const phrases = PHRASES.slice(0, 2);
  for (const noise of ["inversion", "reverse"] as const) {
    const together = await run(
      {
        noise,
        variants: [window("low", 2, 5), window("high", 4, 11), window("far", 20, 22)],
      },
      true,
      phrases,
    );
    assertEquals(together.live, 0);
    for (const { variant, sample, smoothed } of together.results) {
      const { start, end } = variant;
      const alone = await run({ noise, select: { kind: "indices", start, end } }, true, [
        sample.phrase,
      ]);
      const off = furthest(smoothed, alone.results[0]!.smoothed);
      assert(off < 1e-6, `${noise}, ${variant.name}, "${sample.phrase}": ${off}`);
    }
  }
});

Deno.test("an image that is aborted releases its trunks", async () => {
  const controller = new AbortController();
  const seen: number[] = [];
  const counted = { live: 0 };
  const model: LdmModel = Object.create(MODEL, {
    trunk: {
      value: async (...args: Parameters<LdmModel["trunk"]>) => {
        const trunk = await MODEL.trunk(...args);
        counted.live++;
        return { ...trunk, release: () => (counted.live--, trunk.release()) };
      },
    },
  });
  const onProgress = (done: number) => {
    seen.push(done);
    if (seen.length === 12) controller.abort(new Error("enough"));
  };
  const options = { model, steps: 30, signal: controller.signal, onProgress };
  const select = { kind: "indices", start: 0, end: 20 } as const;
  const error = await groundImage(XRAY, PHRASES.slice(0, 2), { ...options, select })
    .then(() => undefined, (error: Error) => error);
  assertEquals(error?.message, "enough");
  assertEquals(counted.live, 0);
});
