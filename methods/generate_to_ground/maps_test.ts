import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { InputRangeError } from "../../base/errors.ts";
import { Random } from "../../base/random.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { floats, readSafetensors } from "../../tests/support/safetensors.ts";
import { addProduct, mapSide, mergeBiases, repeat, scaleHalf, toLevels } from "./maps.ts";
import { structuralSimilarity } from "./ssim.ts";

/** Maps of the released code; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../../shared/reference/diffusers/", import.meta.url);

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`scaled and merged maps of ${name} are the released code's`, async () => {
    const tensors = await readSafetensors(new URL(`${name}/expected.safetensors`, REFERENCE));
    const { g2g } = JSON.parse(
      await Deno.readTextFile(new URL(`${name}/expected.json`, REFERENCE)),
    );
    const levels = (tensor: string) => tensors.get(`g2g.${tensor}`)!.data as Uint8Array;
    const mean = floats(tensors, "g2g.mean");
    assertEquals(scaleHalf(mean), floats(tensors, "g2g.map"));
    const [image, text] = [levels("image_bias"), levels("text_bias")];
    assertAlmostEquals(structuralSimilarity(image, text, 64), g2g.ssim, 1e-9);
    const product = levels("merged_levels");
    const { map, similarity } = mergeBiases({ mean, image, text, product });
    assertAlmostEquals(similarity, Math.max(g2g.ssim, 0), 1e-9);
    assertEquals(map, floats(tensors, "g2g.map_bbm"));
  });
}

Deno.test("toLevels() cuts off fractions; a constant map has no levels", () => {
  assertEquals([...toLevels(Float32Array.of(2, 3, 4, 6))], [0, 63, 127, 255]);
  // In float16 the numbers from 2048 on are even: 2049 lies on 2048, 2051 on 2052.
  assertEquals([...scaleHalf(Float32Array.of(2048, 2049, 2051, 2052))], [0, 0, 1, 1]);
  assertThrows(() => scaleHalf(Float32Array.of(2048, 2048.5)), InputRangeError, "same everywhere");
});

Deno.test("the product of repeated maps is the repeated product times the factor", () => {
  const random = new Random(3);
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: 16 }, () => random.uniform()));
  const small = new Float64Array(16);
  addProduct(small, a!, b!, 4);
  const large = new Float64Array(144);
  addProduct(large, repeat(a!, 4, 12), repeat(b!, 4, 12), 12);
  const expected = repeat(small, 4, 12).map((value) => 3 * value);
  assert(furthest(Float32Array.from(large), expected) < 1e-6);
});

Deno.test("mapSide() is 64 where it fits, or the largest side", () => {
  assertEquals([mapSide([64, 32, 8]), mapSide([16, 4]), mapSide([96, 48, 12])], [64, 64, 96]);
  assertThrows(() => mapSide([96, 64]), RangeError, "side 64 to side 96");
});
