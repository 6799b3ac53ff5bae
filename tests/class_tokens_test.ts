import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadBundle } from "../models/ldm/bundle.ts";
import { type LdmModel, openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { ground, groundImage } from "../pipeline/ground.ts";
import { type AveragedLayer, smoothAttention } from "../pipeline/postprocess.ts";
import { resolveSettings } from "../pipeline/settings/settings.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { encode } from "../pipeline/encode.ts";
import { item } from "../pipeline/flow.ts";
import { noise } from "../pipeline/noise.ts";
import { cropRegion } from "../images/preprocess.ts";
import { runCommand } from "./support/command.ts";
import { largestDifference } from "./support/replay.ts";

const FOLDER = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;
const IMAGE = `${FOLDER}/image.png`;
const PHRASE = "patchy opacity of the right lung base";
const CHOICE = { steps: 10, noise: "sample" } as const;
const SAMPLE = { id: "1", image: IMAGE, phrase: PHRASE, boxes: [], category: "Lung Opacity" };

/** Returns each layer's mean over some tokens, scaled to 0..1 at each step, as a mean over steps. */
async function meanOfTokens(positions: readonly number[]): Promise<AveragedLayer[]> {
  const bundle = await loadBundle(FOLDER);
  const model = await openModel(bundle, await openRuntime("native"));
  const settings = resolveSettings(model, CHOICE);
  const text = await model.condition(bundle.tokenizer.encode(PHRASE));
  const gray = await decodeImage(IMAGE);
  const crop = cropRegion(gray.width, gray.height);
  async function* source() {
    yield await Promise.resolve(item({ samples: [SAMPLE], gray, crop }));
  }
  const sums = new Map<number, Float64Array>();
  for await (const flow of noise(encode(source(), model), model, settings)) {
    if (flow.kind === "dropped") throw new Error(flow.dropped.reason);
    for (const { latent, timestep } of flow.item.noisy) {
      for (const map of await model.attend([latent], [timestep], text)) {
        const length = map.positions * map.tokens;
        const data = await model.read(map.data, map.layers.length * length);
        for (const [i, layer] of map.layers.entries()) {
          const means = Array.from({ length: map.positions }, (_, place) => {
            const row = data.subarray(i * length + place * map.tokens);
            return positions.reduce((sum, token) => sum + row[token]!, 0) / positions.length;
          });
          const [low, high] = [Math.min(...means), Math.max(...means)];
          const sum = sums.get(layer) ?? new Float64Array(map.positions);
          sums.set(layer, sum);
          means.forEach((mean, place) =>
            sum[place]! += (mean - low) / (high - low) / flow.item.noisy.length
          );
        }
        map.release();
      }
    }
  }
  await model.close();
  return [...sums].map(([layer, sum]) => (
    { layer, data: Float32Array.from(sum), side: Math.sqrt(sum.length) }
  ));
}

for (const name of ["native", "webgpu"] as const) {
  Deno.test(`--tokens class averages the attention of the class's words on ${name}`, async () => {
    const bundle = await loadBundle(FOLDER);
    const { tokenizer } = bundle;
    const [opacity] = tokenizer.encode("opacity").ids.slice(1);
    const { ids } = tokenizer.encode(PHRASE);
    const first = ids.indexOf(opacity!);
    const last = ids.indexOf(tokenizer.encode("lung").ids[1]!);
    assert(first > 0 && last > first);
    const positions = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const expected = await meanOfTokens(positions);
    const runtime = await openRuntime(name);
    const model = await openModel(bundle, runtime);
    const made = async (tokens: "class" | "class-released" | "phrase") => {
      for await (const result of ground([SAMPLE], { ...CHOICE, model, tokens })) {
        if (result.kind === "grounded") return result;
        throw new Error(result.reason);
      }
      throw new Error("no result");
    };
    const ours = await made("class");
    // The choice of tokens is the same code on a GPU, where each image takes most of a minute.
    const others = name === "native"
      ? { released: await made("class-released"), whole: await made("phrase") }
      : undefined;
    await model.close();
    runtime.gpu?.destroy();
    const off = (result: typeof ours, expected: readonly AveragedLayer[]) =>
      Math.max(
        ...expected.map(({ layer, data }) =>
          largestDifference(data, result.layers.find((own) => own.layer === layer)!.data)
        ),
      );
    assertEquals(ours.layers.length, expected.length);
    assert(off(ours, expected) < 1e-3, `off by ${off(ours, expected)}`);
    if (others) {
      const { released, whole } = others;
      const short = await meanOfTokens(positions.slice(0, -1));
      assert(off(released, short) < 1e-3, `off by ${off(released, short)}`);
      assert(off(whole, expected) > 1e-2 && off(released, expected) > 1e-2);
    }
    const { smoothed } = smoothAttention(expected, { size: ours.size, sigma: 2.5 });
    assert(largestDifference(ours.smoothed, smoothed) < 1e-3);
  });
}

for (const name of ["native", "wasm", "webgpu"] as const) {
  Deno.test(`--tokens content averages the attention of all but function words on ${name}`, async () => {
    const bundle = await loadBundle(FOLDER);
    const { tokenizer } = bundle;
    const without = ["of", "the"].map((word) => tokenizer.encode(word).ids[1]!);
    const { ids, length } = tokenizer.encode(PHRASE);
    const all = Array.from({ length: length - 2 }, (_, i) => i + 1);
    const positions = all.filter((at) => !without.includes(ids[at]!));
    assertEquals(positions.length, all.length - 2);
    const expected = await meanOfTokens(positions);
    const runtime = await openRuntime(name);
    const results = await Array.fromAsync(
      ground([SAMPLE], { ...CHOICE, bundle, runtime, tokens: "content" }),
    );
    runtime.gpu?.destroy();
    assertEquals(results.length, 1);
    const ours = results[0]!;
    if (ours.kind === "dropped") throw new Error(ours.reason);
    assertEquals(ours.sample.notes, [
      'of the phrase counted "patchy", "opacity", "right", "lung", "base"',
    ]);
    const off = (expected: readonly AveragedLayer[]) =>
      Math.max(
        ...expected.map(({ layer, data }) =>
          largestDifference(data, ours.layers.find((own) => own.layer === layer)!.data)
        ),
      );
    assertEquals(ours.layers.length, expected.length);
    assert(off(expected) < 1e-3, `off by ${off(expected)}`);
    assert(off(await meanOfTokens(all)) > 1e-2, "equals the mean over all words");
  });
}

Deno.test("a phrase or a dataset's row decides the words of --tokens content by itself", async () => {
  const bundle = await loadBundle(FOLDER);
  const samples = [
    { ...SAMPLE, id: "stated", words: ["opacity"] },
    { ...SAMPLE, id: "absent", words: ["edema"] },
    { ...SAMPLE, id: "stopped", phrase: "of the" },
  ];
  const runtime = await openRuntime("native");
  const results = await Array.fromAsync(
    ground(samples, { ...CHOICE, bundle, runtime, tokens: "content" }),
  );
  const told = results.map((result) =>
    result.kind === "grounded"
      ? [result.sample.id, ...result.sample.notes ?? []]
      : [result.sample.id, result.stage, result.reason]
  );
  assertEquals(told, [
    ["absent", "dataset", 'the phrase has no word "edema" within the model\'s length'],
    ["stated", 'of the phrase counted "opacity"'],
    ["stopped", "all words are on the stop list; all counted"],
  ]);
});

Deno.test("--tokens content on a GPU needs a model that sums tokens", async () => {
  const model = await openModel(await loadBundle(FOLDER), await openRuntime("native"));
  const onGpu: LdmModel = Object.create(model, { runtime: { value: { gpu: {} } } });
  await assertRejects(
    () => Array.fromAsync(ground([SAMPLE], { ...CHOICE, model: onGpu, tokens: "content" })),
    TypeError,
    'Cannot read tokens "content" on a GPU: open the model with `tokenSums`',
  );
  await model.close();
});

Deno.test("a phrase by itself has no class to average the tokens of", async () => {
  const bundle = await loadBundle(FOLDER);
  await assertRejects(
    () => groundImage(IMAGE, [PHRASE], { bundle, tokens: "class" }),
    TypeError,
    'Cannot average the tokens of a class ("class"): a phrase by itself has none',
  );
  const args = ["--image", IMAGE, "--phrase", PHRASE, "--tokens", "class"];
  const { code, stderr } = await runCommand("ground", args, FOLDER);
  assertEquals(code, 2);
  assert(stderr.includes('Option "--tokens class" needs samples with a class'), stderr);
});
