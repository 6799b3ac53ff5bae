import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { AttentionAccumulator, normalize01, squareSide, valueRange } from "./aggregate_cpu.ts";

/** A map of 2 x 2 positions and 3 tokens. */
// deno-fmt-ignore
const MAP = Float32Array.of(
  0.50, 0.1, 0.4,
  0.25, 0.3, 0.45,
  0.00, 0.5, 0.5,
  0.30, 0.2, 0.5,
);

Deno.test("AttentionAccumulator averages tokens, scales each map and averages maps", () => {
  const layer = new AttentionAccumulator(4);
  layer.add(MAP, { tokens: 3, tokenStart: 1, tokenEnd: 2 });
  layer.add(MAP, { tokens: 3, tokenStart: 0, tokenEnd: 2 });
  assertEquals(layer.count, 2);
  assertEquals(layer.side, 2);
  // Token 1 alone: .1 .3 .5 .2; tokens 0 and 1: .3 .275 .25 .25.
  const expected = [
    (0 + 1) / 2,
    (0.5 + 0.5) / 2,
    (1 + 0) / 2,
    (0.25 + 0) / 2,
  ];
  layer.mean().forEach((value, index) => assertAlmostEquals(value, expected[index]!, 1e-6));
});

Deno.test("AttentionAccumulator counts a constant map as 0 and says so", () => {
  const layer = new AttentionAccumulator(4);
  layer.add(new Float32Array(12).fill(1 / 3), {
    tokens: 3,
    tokenStart: 0,
    tokenEnd: 3,
  });
  assertEquals(layer.constantMaps, 1);
  assertEquals(layer.mean(), new Float32Array(4));
  layer.add(MAP, { tokens: 3, tokenStart: 1, tokenEnd: 2 });
  assertEquals(layer.constantMaps, 1);
  assertEquals(layer.count, 2);
  assertAlmostEquals(layer.mean()[2]!, 0.5, 1e-7);
});

Deno.test("AttentionAccumulator takes a single position", () => {
  const layer = new AttentionAccumulator(1);
  layer.add(Float32Array.of(0.2, 0.8), {
    tokens: 2,
    tokenStart: 1,
    tokenEnd: 2,
  });
  assertEquals(layer.mean(), Float32Array.of(0));
  assertEquals(layer.constantMaps, 1);
});

Deno.test("AttentionAccumulator refuses positions that are not square", () => {
  for (const positions of [0, -4, 12, 2.25, NaN]) {
    assertThrows(
      () => new AttentionAccumulator(positions),
      RangeError,
      `got ${positions}`,
    );
  }
});

Deno.test("AttentionAccumulator refuses maps and token ranges that do not fit", () => {
  const layer = new AttentionAccumulator(4);
  assertThrows(
    () => layer.add(MAP, { tokens: 4, tokenStart: 0, tokenEnd: 1 }),
    RangeError,
    "expected 4 positions x 4 tokens = 16 values, got 12",
  );
  for (const [tokenStart, tokenEnd] of [[1, 1], [2, 1], [-1, 1], [0, 4]]) {
    assertThrows(
      () =>
        layer.add(MAP, {
          tokens: 3,
          tokenStart: tokenStart!,
          tokenEnd: tokenEnd!,
        }),
      RangeError,
      `0 <= start < end <= 3, got ${tokenStart}..${tokenEnd}`,
    );
  }
  assertThrows(() => layer.mean(), RangeError, "at least one map");
});

Deno.test("AttentionAccumulator names a map with NaN and stays as it was", () => {
  const layer = new AttentionAccumulator(4);
  const broken = MAP.slice();
  broken[7] = NaN;
  assertThrows(
    () =>
      layer.add(broken, {
        tokens: 3,
        tokenStart: 0,
        tokenEnd: 2,
        name: "attention of layer 3, step 9",
      }),
    RangeError,
    "attention of layer 3, step 9: expected finite values, got NaN over tokens 0..2 of position 2",
  );
  assertEquals(layer.count, 0);
});

Deno.test("normalize01() spans 0 to 1", () => {
  assertEquals(
    normalize01(Float32Array.of(-2, 0, 2, 6)),
    Float32Array.of(0, 0.25, 0.5, 1),
  );
});

Deno.test("normalize01() makes a constant map 0", () => {
  assertEquals(normalize01(Float32Array.of(3, 3)), Float32Array.of(0, 0));
});

Deno.test("valueRange() finds the extremes and refuses values that are not finite", () => {
  assertEquals(valueRange(Float32Array.of(3, -1, 2)), {
    minimum: -1,
    maximum: 3,
  });
  assertThrows(() => valueRange(new Float32Array()), RangeError, "no values");
  for (const value of [NaN, Infinity, -Infinity]) {
    assertThrows(
      () => valueRange(Float32Array.of(1, value)),
      RangeError,
      `got ${value} at index 1`,
    );
  }
  assertThrows(
    () => valueRange(Float32Array.of(-3e38, 3e38)),
    RangeError,
    "within float32",
  );
});

Deno.test("squareSide() takes square numbers only", () => {
  assertEquals(squareSide(256, "positions"), 16);
  assertThrows(() => squareSide(255, "positions"), RangeError, "got 255");
});
