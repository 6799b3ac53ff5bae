import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { bilinearTaps, resizeBilinear } from "./resize_cpu.ts";

const MAP = Float32Array.of(0, 0.04, 0.16, 0.36, 0.64, 1);

function assertClose(actual: Float32Array, expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, index) => assertAlmostEquals(value, expected[index]!, 1e-6));
}

Deno.test("resizeBilinear() enlarges as PyTorch does", () => {
  // torch 2.15: interpolate(MAP as 2 x 3, size=(3, 5), mode="bilinear")
  assertClose(
    resizeBilinear(MAP, { width: 3, height: 2 }, { width: 5, height: 3 }),
    // deno-fmt-ignore
    [
      0, 0.016, 0.04, 0.112, 0.16,
      0.18, 0.244, 0.34, 0.484, 0.58,
      0.36, 0.472, 0.64, 0.856, 1,
    ],
  );
});

Deno.test("resizeBilinear() shrinks without antialiasing as PyTorch does", () => {
  // torch 2.15: interpolate(MAP as 2 x 3, size=(1, 2), mode="bilinear")
  assertClose(
    resizeBilinear(MAP, { width: 3, height: 2 }, { width: 2, height: 1 }),
    [0.22, 0.52],
  );
});

Deno.test("resizeBilinear() copies at the same size", () => {
  assertEquals(
    resizeBilinear(MAP, { width: 3, height: 2 }, { width: 3, height: 2 }),
    MAP,
  );
});

Deno.test("resizeBilinear() spreads a single pixel over any size", () => {
  const map = resizeBilinear(
    Float32Array.of(0.7),
    { width: 1, height: 1 },
    { width: 17, height: 31 },
  );
  assert(map.every((value) => value === Math.fround(0.7)));
});

Deno.test("resizeBilinear() keeps a constant map constant at odd sizes", () => {
  const from = { width: 31, height: 17 };
  const map = new Float32Array(17 * 31).fill(0.25);
  for (
    const to of [
      { width: 1, height: 1 },
      { width: 1000, height: 700 },
      { width: 5, height: 90 },
    ]
  ) {
    const resized = resizeBilinear(map, from, to);
    assertEquals(resized.length, to.width * to.height);
    resized.forEach((value) => assertAlmostEquals(value, 0.25, 1e-7));
  }
});

Deno.test("bilinearTaps() of a range are part of the whole axis's taps", () => {
  const whole = bilinearTaps(701, 686);
  const part = bilinearTaps(701, 686, { start: 87, count: 512 });
  assertEquals(part.lower, whole.lower.slice(87, 599));
  assertEquals(part.upper, whole.upper.slice(87, 599));
  assertEquals(part.weight, whole.weight.slice(87, 599));
});

Deno.test("resizeBilinear() refuses sizes that do not fit", () => {
  assertThrows(
    () => resizeBilinear(MAP, { width: 2, height: 2 }, { width: 5, height: 3 }),
    RangeError,
    "expected 2 x 2 = 4 values, got 6",
  );
  assertThrows(
    () => resizeBilinear(MAP, { width: 3, height: 2 }, { width: 0, height: 3 }),
    RangeError,
    "got 0",
  );
  assertThrows(
    () => resizeBilinear(MAP, { width: 1.5, height: 4 }, MAP_SIZE),
    RangeError,
    "got 1.5",
  );
});

const MAP_SIZE = { width: 3, height: 2 };
