import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  type AttentionLayer,
  finishHeatmap,
  postprocess,
  type PostprocessInput,
} from "./postprocess.ts";

/** Returns maps of 3 tokens; token 1 is strongest at one position of a square. */
function layerWithPeak(
  side: number,
  steps: number,
  peak: number,
): AttentionLayer {
  const positions = side * side;
  const data = new Float32Array(steps * positions * 3);
  for (let row = 0; row < steps * positions; row++) {
    const height = row % positions === peak ? 0.6 : 0.1;
    data.set([0.2, height, 0.8 - height], row * 3);
  }
  return { data, shape: [steps, positions, 3] };
}

const INPUT: PostprocessInput = {
  layers: [layerWithPeak(4, 2, 5)],
  tokenStart: 1,
  tokenEnd: 2,
  size: 64,
};

Deno.test("postprocess() finds a single hot position", () => {
  const { normalised, heatmap, threshold, box, constant, constantMaps } = postprocess(INPUT);
  const hottest = normalised.indexOf(1);
  // Position (1, 1) of 4x4 covers pixels 16..31 of 64 in both axes.
  assert(hottest % 64 >= 16 && hottest % 64 < 32);
  assert(Math.floor(hottest / 64) >= 16 && Math.floor(hottest / 64) < 32);
  assertEquals(Math.min(...normalised), 0);
  assert(threshold! > 0 && threshold! < 1);
  assert(heatmap.every((value, index) => {
    const source = normalised[index]!;
    return value === (source > threshold! ? source : 0);
  }));
  assertEquals(box![2], box![3]);
  assertEquals(constant, false);
  assertEquals(constantMaps, 0);
});

Deno.test("postprocess() without Otsu leaves the normalised map", () => {
  const result = postprocess({ ...INPUT, otsu: false });
  assertEquals(result.heatmap, result.normalised);
  assertEquals(result.threshold, undefined);
  assertEquals(result.box, undefined);
  assertEquals(result.normalised, postprocess(INPUT).normalised);
});

Deno.test("postprocess() defaults to the paper's sigma", () => {
  assertEquals(postprocess(INPUT), postprocess({ ...INPUT, sigma: 2.5 }));
});

Deno.test("postprocess() weighs layers of different sides equally", () => {
  const layers = [layerWithPeak(4, 1, 0), layerWithPeak(8, 1, 63)];
  const both = postprocess({ ...INPUT, layers, sigma: 0 }).smoothed;
  const each = layers.map((layer) => postprocess({ ...INPUT, layers: [layer], sigma: 0 }).smoothed);
  both.forEach((value, index) =>
    assertAlmostEquals(value, (each[0]![index]! + each[1]![index]!) / 2, 1e-6)
  );
});

Deno.test("postprocess() of constant attention is all 0 and says so", () => {
  const data = new Float32Array(3 * 16 * 5).fill(0.2);
  const result = postprocess({
    layers: [{ data, shape: [3, 16, 5] }],
    tokenStart: 1,
    tokenEnd: 4,
    size: 31,
  });
  assertEquals(result.constant, true);
  assertEquals(result.constantMaps, 3);
  assertEquals(result.threshold, 0);
  assertEquals(result.box, undefined);
  for (const map of [result.smoothed, result.normalised, result.heatmap]) {
    assertEquals(map, new Float32Array(31 * 31));
  }
});

Deno.test("postprocess() makes maps of one pixel and of odd sizes", () => {
  for (const size of [1, 17, 33]) {
    for (const sigma of [0, 2.5, 32]) {
      const { heatmap, smoothed } = postprocess({ ...INPUT, size, sigma });
      assertEquals(heatmap.length, size * size);
      assert(heatmap.every((value) => value >= 0 && value <= 1));
      assert(smoothed.every(Number.isFinite));
    }
  }
});

Deno.test("finishHeatmap() does not blow up rounding on a constant mean", () => {
  for (const value of [0.3, 1 / 3, 0.9]) {
    const { constant, heatmap } = finishHeatmap(
      [{ data: new Float32Array(49).fill(value), side: 7 }],
      { size: 97 },
    );
    assertEquals(constant, true);
    assertEquals(heatmap, new Float32Array(97 * 97));
  }
});

Deno.test("finishHeatmap() refuses layers that do not fit", () => {
  assertThrows(
    () => finishHeatmap([], { size: 8 }),
    RangeError,
    "at least one layer",
  );
  assertThrows(
    () => finishHeatmap([{ data: new Float32Array(5), side: 2 }], { size: 8 }),
    RangeError,
    "layer 0: expected 2 x 2 values, got 5",
  );
  assertThrows(
    () =>
      finishHeatmap([{ data: Float32Array.of(0, NaN, 0, 1), side: 2 }], {
        size: 8,
      }),
    RangeError,
    "layer 0: expected finite values, got NaN",
  );
});

Deno.test("postprocess() refuses bad input in one sentence", () => {
  const layer = INPUT.layers[0]!;
  const broken = layer.data.slice();
  broken[(16 + 3) * 3 + 1] = NaN;
  const cases: [Partial<PostprocessInput>, string][] = [
    [{ size: 0 }, "expected a size of 1..8192 pixels, got 0"],
    [{ size: 1e6 }, "got 1000000"],
    [{ size: 1.5 }, "got 1.5"],
    [{ sigma: -1 }, "got -1"],
    [{ sigma: 32.5 }, "0..32 pixels, got 32.5"],
    [{ tokenStart: 2, tokenEnd: 2 }, "got 2..2"],
    [{ tokenEnd: 4 }, "start < end <= 3, got 1..4"],
    [{ layers: [] }, "at least one layer, got none"],
    [
      { layers: [layer, { data: layer.data, shape: [2, 16, 4] }] },
      "attention of layer 1: expected 2 x 16 x 4 values, got 96",
    ],
    [
      { layers: [layer, layerWithPeak(4, 3, 0)] },
      "as many as layer 0 has (2), got 3 in layer 1",
    ],
    [
      { layers: [{ data: layer.data, shape: [2, 12, 4] }] },
      "square number of attention positions, got 12",
    ],
    [
      { layers: [layer, { data: broken, shape: layer.shape }] },
      "attention of layer 1, step 1: expected finite values, got NaN over tokens 1..2 of position 3",
    ],
  ];
  for (const [change, message] of cases) {
    assertThrows(
      () => postprocess({ ...INPUT, ...change }),
      RangeError,
      message,
    );
  }
  assertThrows(
    () =>
      postprocess({
        ...INPUT,
        layers: [
          {
            data: [1, 2] as unknown as Float32Array,
            shape: [1, 1, 2],
          },
        ],
      }),
    TypeError,
    "expected a Float32Array",
  );
});
