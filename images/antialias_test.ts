import "../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { halfToEven } from "../base/half_to_even.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { furthest } from "../tests/support/gpu.ts";
import { floats, readSafetensors } from "../tests/support/safetensors.ts";
import { antialiasTaps, preprocessAntialiased, squareTaps } from "./antialias.ts";

/** torchvision's results; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../shared/reference/diffusers/", import.meta.url).pathname;

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`preprocessAntialiased() equals torchvision on the image of ${name}`, async () => {
    const tensors = await readSafetensors(`${REFERENCE}${name}/expected.safetensors`);
    const found = preprocessAntialiased(await decodeImage(`${REFERENCE}${name}/image.png`), 128);
    const expected = floats(tensors, "image.antialiased").map((value) => (value + 1) / 2);
    const off = furthest(found, expected);
    assert(off <= 1e-6, `${off}`);
  });
}

Deno.test("antialiasTaps() blend a triangle of the source, and plain neighbours when they enlarge", () => {
  const { first, weights } = antialiasTaps(8, 2);
  assertEquals([...first], [0, 2]);
  // The middle of the first output pixel is 2; the triangle reaches 4 pixels to both sides.
  const shares = Array.from({ length: 6 }, (_, i) => 1 - Math.abs(i + 0.5 - 2) / 4);
  const total = shares.reduce((sum, share) => sum + share);
  assert(furthest(weights[0]!, Float32Array.from(shares, (share) => share / total)) < 1e-7);
  const enlarged = antialiasTaps(2, 4, { start: 1, count: 2 });
  assertEquals([...enlarged.first], [0, 0]);
  assertEquals(enlarged.weights.map((shares) => [...shares]), [[0.75, 0.25], [0.25, 0.75]]);
});

Deno.test("squareTaps() crop at the nearest whole pixel, halves to even, as torchvision", () => {
  assertEquals([0.5, 1.5, 2.5, 2.4, 2.6].map(halfToEven), [0, 2, 2, 2, 3]);
  // 7 columns at the scale of 4 rows become 7; three are left over, of which 2 lie on the left.
  assertEquals([...squareTaps({ width: 7, height: 4 }, 4).columns.first], [2, 3, 4, 5]);
});
