import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotStrictEquals,
  assertThrows,
} from "@std/assert";
import { gaussianBlur, gaussianHalfKernel } from "./gaussian_cpu.ts";

/** A map of width 3 and height 2. */
const MAP = Float32Array.of(0, 0.04, 0.16, 0.36, 0.64, 1);

Deno.test("gaussianBlur() agrees with SciPy where the radius exceeds the map", () => {
  // scipy 1.17: ndimage.gaussian_filter(MAP, 2.5), radius 10 on 2 x 3 pixels
  const expected = [
    0.3600403,
    0.366533,
    0.3730263,
    0.3603038,
    0.3667999,
    0.3732967,
  ];
  gaussianBlur(MAP, 3, 2, 2.5).forEach((value, index) =>
    assertAlmostEquals(value, expected[index]!, 1e-6)
  );
});

Deno.test("gaussianBlur() agrees with SciPy for a small sigma", () => {
  // scipy 1.17: ndimage.gaussian_filter(MAP, 0.6)
  const expected = [
    0.07566563,
    0.1558415,
    0.2756756,
    0.3401765,
    0.551053,
    0.8015878,
  ];
  gaussianBlur(MAP, 3, 2, 0.6).forEach((value, index) =>
    assertAlmostEquals(value, expected[index]!, 1e-6)
  );
});

Deno.test("gaussianBlur() copies at sigma 0", () => {
  const blurred = gaussianBlur(MAP, 3, 2, 0);
  assertEquals(blurred, MAP);
  assertNotStrictEquals(blurred, MAP);
});

Deno.test("gaussianBlur() spreads one hot pixel as the outer product of the kernel", () => {
  const [width, height] = [31, 17];
  const map = new Float32Array(width * height);
  map[8 * width + 15] = 1;
  const half = gaussianHalfKernel(1.5);
  const blurred = gaussianBlur(map, width, height, 1.5);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const expected = (half[Math.abs(y - 8)] ?? 0) *
        (half[Math.abs(x - 15)] ?? 0);
      assertAlmostEquals(blurred[y * width + x]!, expected, 1e-8);
    }
  }
});

Deno.test("gaussianBlur() keeps the mean and a constant map at any sigma", () => {
  for (const sigma of [0.05, 1, 2.5, 32]) {
    const single = gaussianBlur(Float32Array.of(0.7), 1, 1, sigma);
    assertAlmostEquals(single[0]!, 0.7, 1e-6);
    const total = gaussianBlur(MAP, 3, 2, sigma)
      .reduce((sum, value) => sum + value, 0);
    assertAlmostEquals(total, 2.2, 1e-5);
  }
  assert(
    gaussianBlur(new Float32Array(17 * 31), 17, 31, 2.5)
      .every((value) => value === 0),
  );
});

Deno.test("gaussianBlur() refuses a sigma outside 0..32 and sizes that do not fit", () => {
  for (const sigma of [-1, 33, NaN, Infinity]) {
    assertThrows(
      () => gaussianBlur(MAP, 3, 2, sigma),
      RangeError,
      `0..32 pixels, got ${sigma}`,
    );
  }
  assertThrows(() => gaussianBlur(MAP, 4, 2, 1), RangeError, "4 x 2");
});

Deno.test("gaussianHalfKernel() ends at 4 sigma and sums to 1", () => {
  const half = gaussianHalfKernel(2.5);
  assertEquals(half.length, 11);
  const total = half.reduce(
    (sum, weight, index) => sum + weight * (index === 0 ? 1 : 2),
    0,
  );
  assertAlmostEquals(total, 1, 1e-15);
  assertEquals(gaussianHalfKernel(0), Float64Array.of(1));
});
