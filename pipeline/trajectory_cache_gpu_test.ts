import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { groundImage, type GroundImageOptions } from "./ground.ts";
import { resolveSettings } from "./settings/settings.ts";
import { inFolder } from "../tests/support/command.ts";
import { TrajectoryCache } from "./trajectory_cache.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;
const XRAY = drawPhantom({ seed: 3, width: 90, height: 110 });

/** Runs a test with the bundled model, and counts the calls of `encode` and `step`. */
async function withModel(
  test: (model: LdmModel, counts: { encode: number; step: number }) => Promise<void>,
  runtime: "native" | "webgpu" = "native",
): Promise<void> {
  const model = await openModel(await loadBundle(DEMO), await openRuntime(runtime));
  const counts = { encode: 0, step: 0 };
  const { encode, step } = model;
  const counting = Object.create(model, {
    encode: { value: (...args: Parameters<typeof encode>) => (counts.encode++, encode(...args)) },
    step: { value: (...args: Parameters<typeof step>) => (counts.step++, step(...args)) },
  });
  try {
    await test(counting, counts);
  } finally {
    await model.close();
    model.runtime.gpu?.destroy();
  }
}

async function smoothed(model: LdmModel, phrase: string, options: Partial<GroundImageOptions>) {
  const [result] = await groundImage(XRAY, [phrase], { model, steps: 5, ...options });
  return result!.smoothed;
}

const entries = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

for (const runtime of ["native", "webgpu"] as const) {
  Deno.test(`another phrase of a known image takes only its own passes on ${runtime}`, () =>
    inFolder((cache) =>
      withModel(async (model, counts) => {
        const [haze, effusion] = [
          await smoothed(model, "haze", {}),
          await smoothed(model, "left effusion", {}),
        ];
        assertEquals(await smoothed(model, "haze", { cache }), haze);
        const before = { ...counts };
        assertEquals(await smoothed(model, "left effusion", { cache }), effusion);
        assertEquals(await smoothed(model, "haze", { cache }), haze);
        assertEquals(counts, before);
        assertEquals(entries(cache).length, 1);
      }, runtime)
    ));
}

Deno.test("each setting that decides the latents has an entry of its own", () =>
  inFolder((cache) =>
    withModel(async (model, counts) => {
      await smoothed(model, "haze", { cache });
      const changes: Partial<GroundImageOptions>[] = [
        { steps: 10 },
        { select: { kind: "indices", start: 3, end: 5 } },
        { noise: "sample" },
        { noise: "sample", seed: 2 },
        { noise: "reverse" },
      ];
      for (const [i, change] of changes.entries()) {
        const plain = await smoothed(model, "haze", change);
        const { encode } = counts;
        assertEquals(await smoothed(model, "haze", { cache, ...change }), plain);
        assertEquals(counts.encode, encode + 1);
        assertEquals(entries(cache).length, i + 2);
      }
      // Settings that apply after the latents do not change the key.
      for (const change of [{ sigma: 1 }, { otsu: false }, { tokens: "ends" as const }]) {
        await smoothed(model, "haze", { cache, ...change });
      }
      assertEquals(entries(cache).length, changes.length + 1);
    })
  ));

Deno.test("a model's configuration and weight type decide the entry too", () =>
  inFolder(async (folder) => {
    const bundle = await loadBundle(DEMO);
    const cache = await TrajectoryCache.open(folder);
    const settings = resolveSettings({ bundle, layers: [3] }, { steps: 10 });
    const runtime = await openRuntime("native");
    const { config, text, tokenizer } = bundle;
    const key = (change: object, weights = "float32") =>
      cache.key(XRAY, { bundle: { ...bundle, ...change }, runtime, weights } as LdmModel, settings);
    const keys = await Promise.all([
      key({}),
      key({}, "float16"),
      key({ config: { ...config, unet: { ...config.unet, epsilon: 1e-5 } } }),
      key({ config: { ...config, autoencoder: { ...config.autoencoder, groups: 4 } } }),
      key({ config: { ...config, scaleFactor: 1 } }),
      key({ text: { ...text, config: { ...text.config, activation: "quick_gelu" } } }),
      // Other padding changes the ids of the empty phrase.
      key({ tokenizer: { ...tokenizer, encode: () => ({ ids: [0, 1, 1], length: 2 }) } }),
    ]);
    assertEquals(new Set(keys).size, keys.length);
    // A notice and a default number of steps do not change the key.
    assertEquals(await key({ config: { ...config, notice: "another", steps: 7 } }), keys[0]);
  }));

Deno.test("a corrupt entry is reported, computed again and replaced", () =>
  inFolder((cache) =>
    withModel(async (model, counts) => {
      const expected = await smoothed(model, "haze", { cache });
      const path = `${cache}/${entries(cache)[0]}`;
      const whole = await Deno.readFile(path);
      const flipped = whole.slice();
      flipped[100]! ^= 1;
      for (
        const bad of [
          flipped,
          whole.subarray(0, 99),
          new Uint8Array(),
          new Uint8Array(whole.length),
          // The last block of the file never reached the disk.
          whole.slice().fill(0, -64),
        ]
      ) {
        await Deno.writeFile(path, bad);
        const notices: string[] = [];
        const onNotice = (notice: string) => notices.push(notice);
        assertEquals(await smoothed(model, "haze", { cache, onNotice }), expected);
        assertEquals(notices.length, 1);
        assertMatch(notices[0]!, /latents" is corrupt; computed anew\.$/);
        assertEquals(await Deno.readFile(path), whole);
      }
      assert(counts.encode === 6);
      // The cache must not read an endless file to its end.
      await Deno.remove(path);
      await Deno.symlink("/dev/zero", path);
      assertEquals(await smoothed(model, "haze", { cache }), expected);
      assertEquals(await Deno.readFile(path), whole);
    })
  ));

Deno.test("runs that share a folder do not disturb each other", () =>
  inFolder((cache) =>
    withModel(async (model) => {
      const expected = await smoothed(model, "haze", {});
      const bundle = await loadBundle(DEMO);
      const runtime = await openRuntime("native");
      const run = async () => {
        const own = await openModel(bundle, runtime);
        const result = await smoothed(own, "haze", { cache });
        await own.close();
        return result;
      };
      for (const result of await Promise.all([run(), run(), run()])) {
        assertEquals(result, expected);
      }
      assertEquals(entries(cache).length, 1);
      assertMatch(entries(cache)[0]!, /^[0-9a-f]{64}\.latents$/);
    })
  ));

Deno.test("the half-written entry of a killed run is removed after a day", () =>
  inFolder(async (cache) => {
    const [old, fresh, other] = ["0a.latents.1.partial", "0b.latents.2.partial", "notes.partial"];
    for (const name of [old, fresh, other]) await Deno.writeTextFile(`${cache}/${name}`, "");
    const longAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    for (const name of [old, other]) await Deno.utime(`${cache}/${name}`, longAgo, longAgo);
    await TrajectoryCache.open(cache);
    assertEquals(entries(cache).sort(), [fresh, other]);
  }));

Deno.test("a file in place of the folder ends the run; a folder that disappears does not", () =>
  inFolder((folder) =>
    withModel(async (model) => {
      await Deno.writeTextFile(`${folder}/file`, "");
      await assertRejects(
        () => smoothed(model, "haze", { cache: `${folder}/file` }),
        Error,
        `Cannot keep noisy latents in "${folder}/file"`,
      );
      const cache = `${folder}/cache`;
      const notices: string[] = [];
      await smoothed(model, "haze", {
        cache,
        onNotice: (notice) => notices.push(notice),
        onProgress: () => {
          if (entries(folder).includes("cache")) Deno.removeSync(cache, { recursive: true });
        },
      });
      assertEquals(notices.length, 1);
      assertMatch(notices[0]!, /the run goes on without the cache\.$/);
    })
  ));
