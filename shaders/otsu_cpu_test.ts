import { assertEquals, assertThrows } from "@std/assert";
import { applyThreshold, maskBox, otsuThreshold } from "./otsu_cpu.ts";

/** 17 x 31 values from 0 to 1 in steps of .01, shuffled by arithmetic. */
const SPREAD = Float32Array.from(
  { length: 17 * 31 },
  (_, index) => ((index * 37) % 101) / 100,
);

Deno.test("otsuThreshold() equals scikit-image's", () => {
  // scikit-image 0.26: threshold_multiotsu(map, classes=2)
  const hot = new Float32Array(50);
  hot[3] = 1;
  assertEquals(otsuThreshold(SPREAD), 0.490234375);
  assertEquals(otsuThreshold(SPREAD.map((value) => value ** 4)), 0.349609375);
  assertEquals(
    otsuThreshold(
      SPREAD.map((value, index) => index % 7 === 0 ? 1 : value / 4),
    ),
    0.251953125,
  );
  assertEquals(otsuThreshold(hot), 0.001953125);
  assertEquals(otsuThreshold(Float32Array.of(0.25, 0.75, 0.5)), 0.2529296875);
});

Deno.test("otsuThreshold() of a constant map is its value, with nothing above", () => {
  for (const value of [0, 0.3, 1]) {
    const map = new Float32Array(6).fill(value);
    const threshold = otsuThreshold(map);
    assertEquals(threshold, Math.fround(value));
    assertEquals(applyThreshold(map, threshold), new Float32Array(6));
  }
  assertEquals(otsuThreshold(Float32Array.of(0.5)), 0.5);
});

Deno.test("otsuThreshold() stays finite where the range is a single float32 step", () => {
  const next = 1 + 2 ** -23;
  const threshold = otsuThreshold(Float32Array.of(1, 1, next, next));
  assertEquals(threshold >= 1 && threshold <= next, true);
});

Deno.test("otsuThreshold() refuses maps without values or with NaN", () => {
  assertThrows(() => otsuThreshold(new Float32Array()), RangeError);
  assertThrows(
    () => otsuThreshold(Float32Array.of(0, NaN)),
    RangeError,
    "got NaN at index 1",
  );
});

Deno.test("applyThreshold() keeps only greater values", () => {
  assertEquals(
    applyThreshold(Float32Array.of(0.25, 0.5, 0.75), 0.5),
    Float32Array.of(0, 0, 0.75),
  );
});

Deno.test("maskBox() bounds the values other than 0", () => {
  const map = new Float32Array(5 * 4);
  assertEquals(maskBox(map, 5, 4), undefined);
  map[1 * 5 + 3] = 1;
  assertEquals(maskBox(map, 5, 4), [3, 1, 1, 1]);
  map[3 * 5 + 1] = 0.5;
  assertEquals(maskBox(map, 5, 4), [1, 1, 3, 3]);
  map.fill(1);
  assertEquals(maskBox(map, 5, 4), [0, 0, 5, 4]);
  assertThrows(() => maskBox(map, 4, 4), RangeError, "4 x 4");
});
