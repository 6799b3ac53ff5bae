import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Gpu, storage, submitAndRead } from "../../shaders/device.ts";
import { furthest, hardMaps, limitedGpu, testGpu } from "../../tests/support/gpu.ts";
import { type GpuHeatmap, GpuHeatmaps } from "./heatmaps_gpu.ts";
import { finishHeatmap, postprocess, type PostprocessResult } from "../postprocess.ts";
import { preprocessOnGpu } from "../../images/preprocess_gpu.ts";
import { regionOf } from "../../base/region.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";

const PHRASES = 5;
const STEPS = 3;
const TOKENS = 9;
const GROUPS = [{ layers: 2, positions: 256 }, { layers: 1, positions: 64 }];
const IMAGE = { width: 300, height: 200 };
const BOXES = [[60, 20, 100, 90] as const, [120, 50, 80, 80] as const];

/** Returns attention of one group at one step, `[phrases, layers, positions, tokens]`. */
function attention(group: number, step: number): Float32Array {
  const { layers, positions } = GROUPS[group]!;
  const { noise } = hardMaps(positions * TOKENS, PHRASES * layers);
  return noise!.map((value, i) => (value + 0.1 * Math.sin(i + step)) / TOKENS);
}

/** Returns the token range of a phrase. */
const range = (phrase: number) => [1, 3 + phrase] as const;

async function onGpu(gpu: Gpu, size: number, sigma: number): Promise<GpuHeatmap[]> {
  const heatmaps = new GpuHeatmaps(gpu, { size, sigma, otsu: true });
  try {
    heatmaps.begin(
      GROUPS.map((group) => ({ ...group, tokens: TOKENS })),
      Array.from({ length: PHRASES }, (_, phrase) => ({
        range: range(phrase),
        ...(phrase !== 2 && { target: { image: IMAGE, truth: BOXES } }),
      })),
    );
    for (let step = 0; step < STEPS; step++) {
      const all = GROUPS.map((_, group) => attention(group, step));
      for (let phrase = 0; phrase < PHRASES; phrase++) {
        const maps = all.map((values) => {
          const length = values.length / PHRASES;
          return storage(gpu, "attention", values.slice(phrase * length, (phrase + 1) * length));
        });
        heatmaps.add(maps, phrase);
        for (const map of maps) map.destroy();
      }
    }
    return await heatmaps.finish();
  } finally {
    heatmaps.destroy();
  }
}

function onCpu(phrase: number, size: number, sigma: number): PostprocessResult {
  const layers = GROUPS.flatMap(({ layers, positions }, group) =>
    Array.from({ length: layers }, (_, layer) => {
      const length = positions * TOKENS;
      const data = new Float32Array(STEPS * length);
      for (let step = 0; step < STEPS; step++) {
        const from = (phrase * layers + layer) * length;
        data.set(attention(group, step).subarray(from, from + length), step * length);
      }
      return { data, shape: [STEPS, positions, TOKENS] as const };
    })
  );
  const [tokenStart, tokenEnd] = range(phrase);
  return postprocess({ layers, tokenStart, tokenEnd, size, sigma });
}

function assertAgree(results: readonly GpuHeatmap[], size: number, sigma: number): void {
  assertEquals(results.length, PHRASES);
  results.forEach((result, phrase) => {
    if ("error" in result) throw result.error;
    const expected = onCpu(phrase, size, sigma);
    assert(furthest(result.smoothed, expected.smoothed) <= 1e-6);
    assert(furthest(result.normalised, expected.normalised) <= 1e-5);
    assert(Math.abs(result.threshold! - expected.threshold!) <= 1.001 / 256);
    // The stored means give the same heatmap.
    const again = finishHeatmap(result.means, { size, sigma });
    assert(furthest(result.smoothed, again.smoothed) <= 1e-6);
    assert(furthest(result.normalised, again.normalised) <= 1e-5);
    assertEquals(result.constantMaps, 0);
    assertEquals(result.constant, expected.constant);
    if (phrase === 2) return assertEquals(result.scores, undefined);
    const scores = scoreHeatmap(result.heatmap, IMAGE, BOXES);
    for (const key of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
      assert(Math.abs(result.scores![key] - scores[key]) <= 1e-4, key);
    }
  });
}

for (const [size, sigma] of [[64, 2.5], [64, 20], [1, 2.5], [37, 0]] as const) {
  Deno.test(`heatmaps of ${size} pixels with sigma ${sigma} agree with the CPU's`, async () => {
    assertAgree(await onGpu(await testGpu(), size, sigma), size, sigma);
  });
}

Deno.test("attention that is the same everywhere gives an empty heatmap that says so", async () => {
  const gpu = await testGpu();
  const heatmaps = new GpuHeatmaps(gpu, { size: 32, sigma: 2.5, otsu: true });
  const target = { image: IMAGE, truth: BOXES };
  heatmaps.begin([{ layers: 2, positions: 16, tokens: 3 }], [{ range: [1, 2], target }]);
  const data = new Float32Array(2 * 16 * 3).fill(1 / 3);
  const maps = storage(gpu, "attention", data);
  heatmaps.add([maps], 0);
  const [result] = await heatmaps.finish();
  maps.destroy();
  heatmaps.destroy();
  if ("error" in result!) throw result.error;
  const layers = [0, 1].map((layer) => ({
    data: data.subarray(48 * layer, 48 * (layer + 1)),
    shape: [1, 16, 3] as const,
  }));
  const expected = postprocess({ layers, tokenStart: 1, tokenEnd: 2, size: 32 });
  const { scores, means, ...heatmap } = result!;
  assertEquals(means, [0, 1].map(() => ({ data: new Float32Array(16), side: 4 })));
  assertEquals(heatmap, expected);
  assertEquals([heatmap.constant, heatmap.constantMaps, heatmap.threshold], [true, 2, 0]);
  assertEquals(scores, scoreHeatmap(expected.heatmap, IMAGE, BOXES));
});

for (const sigma of [2.5, 20]) {
  Deno.test(`phrases go in batches where a buffer is too small, sigma ${sigma}`, async () => {
    // Each buffer holds two heatmaps.
    const gpu = await limitedGpu({ maxStorageBufferBindingSize: 2 * 128 * 128 * 4 });
    const whole = await onGpu(await testGpu(), 128, sigma);
    assertEquals(await onGpu(gpu, 128, sigma), whole);
    gpu.destroy();
  });
}

Deno.test("a heatmap that fits no buffer is refused with its size", async () => {
  const gpu = await limitedGpu();
  const heatmaps = new GpuHeatmaps(gpu, { size: 8192, sigma: 2.5, otsu: true });
  const begin = () =>
    heatmaps.begin([{ layers: 4, positions: 256, tokens: 77 }], [{ range: [1, 4] }]);
  assertThrows(
    begin,
    RangeError,
    `Cannot hold smoothed heatmaps on the GPU: it needs ${8192 ** 2 * 4} bytes in one buffer, ` +
      `and a small GPU allows ${2 ** 27}`,
  );
  heatmaps.destroy();
  gpu.destroy();
});

Deno.test("an image beyond the largest buffer is resized on the CPU", async () => {
  const gray = { data: new Uint8Array(101 * 100).map((_, i) => i * 89), width: 101, height: 100 };
  const [small, large] = [
    await limitedGpu({ maxStorageBufferBindingSize: 10_000 }),
    await limitedGpu(),
  ];
  const [one, other] = await Promise.all([small, large].map(async (gpu) => {
    const input = preprocessOnGpu(gpu, gray, 16);
    const encoder = gpu.device.createCommandEncoder();
    const [bytes] = await submitAndRead(gpu, encoder, [{ buffer: input, bytes: 4 * 256 }]);
    input.destroy();
    return new Float32Array(bytes!);
  }));
  assert(furthest(one!, other!) <= 1e-6);
  small.destroy();
  large.destroy();
});

Deno.test("a region is scored as on the CPU, and a region that fills a box as the box", async () => {
  const gpu = await testGpu();
  const heatmaps = new GpuHeatmaps(gpu, { size: 64, sigma: 2.5, otsu: true });
  try {
    const [left, top, width, height] = BOXES[0]!;
    const masked = (isMarked: (x: number, y: number) => boolean) =>
      regionOf(
        Uint8Array.from(
          { length: IMAGE.width * IMAGE.height },
          (_, i) => isMarked(i % IMAGE.width, Math.floor(i / IMAGE.width)) ? 1 : 0,
        ),
        IMAGE,
      );
    const filled = masked((x, y) => x >= left && x < left + width && y >= top && y < top + height);
    const round = masked((x, y) => Math.hypot(x - 150, y - 90) < 70);
    const truths = [
      [BOXES[0]!],
      filled,
      round,
      regionOf(new Uint8Array(6), { width: 3, height: 2 }),
    ];
    const maps = GROUPS.map((_, group) => attention(group, 0));
    heatmaps.begin(
      GROUPS.map((group) => ({ ...group, tokens: TOKENS })),
      truths.map((truth) => ({ range: range(0), target: { image: IMAGE, truth } })),
    );
    for (const phrase of truths.keys()) {
      const buffers = maps.map((values) =>
        storage(gpu, "attention", values.slice(0, values.length / PHRASES))
      );
      heatmaps.add(buffers, phrase);
      for (const buffer of buffers) buffer.destroy();
    }
    const [box, same, other, wrong] = await heatmaps.finish();
    if ("error" in box! || "error" in same! || "error" in other!) throw new Error("not scored");
    assertEquals(same!.scores, box!.scores);
    assertEquals(other!.scores, scoreHeatmap(other!.heatmap, IMAGE, round));
    assert("error" in wrong! && wrong.stage === "metrics");
  } finally {
    heatmaps.destroy();
  }
});
