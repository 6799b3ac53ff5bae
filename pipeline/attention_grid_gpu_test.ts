import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { drawPhantom } from "../datasets/phantom/phantom.ts";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { readAttention } from "./attention_grid.ts";
import { groundImage } from "./ground.ts";
import { AttentionAccumulator } from "../shaders/aggregate_cpu.ts";
import { largestDifference, openReference } from "../tests/support/replay.ts";

const DEMO = new URL("../models/demo", import.meta.url).pathname;
const TINY = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;
const XRAY = drawPhantom({ seed: 3, width: 90, height: 110 });
const PHRASES = ["left effusion", "the heart is enlarged"];

Deno.test("readAttention() gives the reference's maps of all layers at one step", async () => {
  const { steps, prompt, recordedStep, floats } = await openReference(TINY);
  const bundle = await loadBundle(TINY);
  const runtime = await openRuntime("native");
  const select = { kind: "indices", start: recordedStep, end: recordedStep + 2 } as const;
  const [grid] = await readAttention(`${TINY}/image.png`, [prompt], {
    ...{ bundle, runtime, steps, select, range: "selected" },
  });
  const column = grid!.columns[0]!;
  assertEquals([column.start, column.end], [recordedStep, recordedStep + 1]);
  assertEquals(column.layers.map(({ layer }) => layer), [...Array(11).keys()]);
  const tokens = 77;
  const tokenEnd = bundle.tokenizer.encode(prompt).length - 1;
  for (const { layer, side, data } of column.layers) {
    // Row 0 of the reference is the empty phrase; read row 1.
    const both = floats(`attention_${String(layer).padStart(2, "0")}`);
    const expected = new AttentionAccumulator(side * side);
    expected.add(both.subarray(both.length / 2), { tokens, tokenStart: 1, tokenEnd });
    const difference = largestDifference(data, expected.mean());
    assert(difference < 5e-4, `layer ${layer}: ${difference}`);
  }
});

// The reference needs an inversion, which is slow on a software GPU; noise that is drawn is not.
Deno.test("readAttention() gives the same maps of all layers on webgpu as on native", async () => {
  const bundle = await loadBundle(TINY);
  const read = async (name: "native" | "webgpu") => {
    const runtime = await openRuntime(name);
    const select = { kind: "indices", start: 4, end: 6 } as const;
    const [grid] = await readAttention(`${TINY}/image.png`, [PHRASES[0]!], {
      ...{ bundle, runtime, steps: 10, noise: "sample", select, range: "selected" },
    });
    runtime.gpu?.destroy();
    return grid!.columns;
  };
  const [native, webgpu] = [await read("native"), await read("webgpu")];
  assertEquals(webgpu.map(({ start, end }) => [start, end]), [[4, 5], [5, 6]]);
  for (const [i, { layers }] of webgpu.entries()) {
    assertEquals(layers.map(({ layer }) => layer), [...Array(11).keys()]);
    for (const [j, { layer, data }] of layers.entries()) {
      const difference = largestDifference(data, native[i]!.layers[j]!.data);
      assert(difference < 5e-4, `layer ${layer}: ${difference}`);
    }
  }
});

Deno.test("readAttention() comes to the heatmap and layer means of groundImage()", async () => {
  const bundle = await loadBundle(DEMO);
  const runtime = await openRuntime("native");
  const options = {
    bundle,
    runtime,
    steps: 10,
    select: { kind: "share", start: 0.2, end: 0.9 },
  } as const;
  const grids = await readAttention(XRAY, PHRASES, { ...options, range: "selected", columns: 3 });
  const plain = await groundImage(XRAY, PHRASES, options);
  const all = await groundImage(XRAY, PHRASES, { ...options, layers: "all", otsu: false });
  for (const [i, { grounded, columns, layers }] of grids.entries()) {
    assertEquals(grounded.sample.phrase, PHRASES[i]);
    assert(largestDifference(grounded.smoothed, plain[i]!.smoothed) < 1e-5);
    assertEquals(columns.map(({ start, end }) => [start, end]), [[2, 4], [4, 7], [7, 9]]);
    assertEquals(layers.length, all[i]!.layers.length);
    for (const [j, { layer, side, data }] of layers.entries()) {
      const expected = all[i]!.layers[j]!;
      assertEquals([layer, side], [expected.layer, expected.side]);
      assert(largestDifference(data, expected.data) < 1e-5, `layer ${layer}`);
    }
  }
  // Columns must differ from each other.
  const [first, , last] = grids[0]!.columns;
  assert(largestDifference(first!.heatmap, last!.heatmap) > 0.01);
});

Deno.test("readAttention() covers all steps with the allowed columns, reports progress, and obeys its signal", async () => {
  const bundle = await loadBundle(DEMO);
  const runtime = await openRuntime("native");
  const model = await openModel(bundle, runtime, { layers: [2, 9, 10] });
  const seen: number[] = [];
  const options = { model, steps: 4, noise: "sample", layers: [9] } as const;
  const onProgress = (done: number) => void seen.push(done);
  const [grid] = await readAttention(XRAY, ["haze"], { ...options, onProgress });
  assertEquals(grid!.columns.map(({ start, end }) => [start, end]), [[0, 1], [1, 2], [2, 3], [
    3,
    4,
  ]]);
  assertEquals(grid!.layers.map(({ layer }) => layer), [2, 9, 10]);
  assertEquals(grid!.grounded.layers.map(({ layer }) => layer), [9]);
  assert(seen.length >= 4 && seen.every((done, i) => done >= (seen[i - 1] ?? 0)), `${seen}`);
  const controller = new AbortController();
  const { signal } = controller;
  await assertRejects(
    () =>
      readAttention(XRAY, ["haze"], { ...options, signal, onProgress: () => controller.abort() }),
    DOMException,
  );
  const wrong = [
    [{ columns: 0 }, RangeError, "Cannot group steps into 0 columns"],
    [{ range: "some" as "all" }, TypeError, 'Cannot read attention at "some" steps'],
    [
      { layers: [3] },
      RangeError,
      "Cannot average cross-attention layer 3: the model reads 2, 9, 10",
    ],
  ] as const;
  for (const [choice, kind, message] of wrong) {
    await assertRejects(
      () => readAttention(XRAY, ["haze"], { ...options, ...choice }),
      kind,
      message,
    );
  }
  await model.close();
});
