import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { resizeBilinear } from "../shaders/resize_cpu.ts";
import { cropRegion, preprocess } from "./preprocess.ts";

/** Makes a grey image of arithmetic noise. */
function image(width: number, height: number) {
  const data = Uint8Array.from(
    { length: width * height },
    (_, index) => (index * 89 + (index >> 3) * 31) % 256,
  );
  return { data, width, height };
}

/** Expected result: resizes the whole image and crops it afterwards. */
function wholeThenCrop(
  { data, width, height }: ReturnType<typeof image>,
  size: number,
): Float32Array {
  const shorter = Math.min(width, height);
  const to = {
    width: Math.floor(size * width / shorter),
    height: Math.floor(size * height / shorter),
  };
  const whole = resizeBilinear(
    Float32Array.from(data, (level) => level / 255),
    { width, height },
    to,
  );
  const left = Math.floor(to.width / 2) - Math.floor(size / 2);
  const top = Math.floor(to.height / 2) - Math.floor(size / 2);
  return Float32Array.from({ length: size * size }, (_, index) => {
    const row = top + Math.floor(index / size);
    return whole[row * to.width + left + index % size]!;
  });
}

Deno.test("preprocess() equals resizing the whole image and cropping it", () => {
  for (
    const [width, height, size] of [
      [31, 17, 8],
      [17, 31, 8],
      [23, 23, 7],
      [5, 3, 16],
      [1, 9, 4],
      [64, 64, 64],
    ] as const
  ) {
    const gray = image(width, height);
    const actual = preprocess(gray, size);
    wholeThenCrop(gray, size).forEach((value, index) =>
      assertAlmostEquals(actual[index]!, value, 1e-6)
    );
  }
});

Deno.test("preprocess() maps 0..255 to 0..1", () => {
  const data = Uint8ClampedArray.of(0, 255, 51, 102);
  assertEquals(
    preprocess({ data, width: 2, height: 2 }, 2),
    Float32Array.of(0, 1, 0.2, 0.4),
  );
});

Deno.test("preprocess() spreads a single pixel", () => {
  const map = preprocess(
    { data: Uint8Array.of(255), width: 1, height: 1 },
    5,
  );
  assert(map.every((value) => value === 1));
  assertEquals(map.length, 25);
});

Deno.test("preprocess() refuses sizes that do not fit", () => {
  const gray = image(4, 3);
  assertThrows(
    () => preprocess({ ...gray, width: 5 }, 8),
    RangeError,
    "expected 5 x 3 = 15 values, got 12",
  );
  for (const size of [0, -1, 1.5, 1e5, NaN]) {
    assertThrows(
      () => preprocess(gray, size),
      RangeError,
      `input size of 1..8192 pixels, got ${size}`,
    );
  }
  assertThrows(
    () => preprocess({ data: new Uint8Array(), width: 0, height: 3 }, 8),
    RangeError,
    "image width of 1..65535 pixels, got 0",
  );
});

Deno.test("cropRegion() is the centre square, nearer the left or top", () => {
  assertEquals(cropRegion(2544, 3056), { x: 0, y: 256, side: 2544 });
  assertEquals(cropRegion(701, 524), { x: 88, y: 0, side: 524 });
  assertEquals(cropRegion(3, 3), { x: 0, y: 0, side: 3 });
  assertThrows(() => cropRegion(3, 0), RangeError, "image height");
});
