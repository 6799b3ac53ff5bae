import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { openGpu } from "../../shaders/device.ts";
import { furthest } from "../../tests/support/gpu.ts";
import { GpuFinisher } from "./finish_gpu.ts";
import { type Attended, smooth } from "./shown.ts";

/** Returns a phrase with a blob of its own, in maps of several sides. */
function phrase(number: number, size: number, sides = [16, 32, 16, 64]): Attended {
  return {
    ...{ title: `phrase ${number}`, image: "x.png", facts: "", size, isGrid: false },
    ...{ boxes: [], settings: {}, notes: [] },
    gray: { data: new Uint8Array(1), width: 1, height: 1 },
    original: { width: size, height: size },
    crop: { x: 0, y: 0, side: size },
    layers: sides.map((side, layer) => ({
      layer,
      side,
      data: Float32Array.from({ length: side * side }, (_, i) => {
        const [x, y] = [i % side / side - 0.2 - number / 10, Math.floor(i / side) / side - 0.4];
        return Math.exp(-20 * (x * x + y * y)) + 0.05 * Math.sin(3 * i + layer);
      }),
    })),
  };
}

const flat = (size: number) => {
  const { layers, ...rest } = phrase(0, size);
  return { ...rest, layers: layers.map((layer) => ({ ...layer, data: layer.data.fill(0.25) })) };
};

Deno.test("GpuFinisher agrees with the processor, for more and for fewer phrases", async () => {
  const finisher = new GpuFinisher((await openGpu())!);
  for (
    const [phrases, sigma] of [
      [[phrase(1, 128)], 2.5],
      [[phrase(1, 128), flat(128), phrase(3, 128)], 2.5],
      [[phrase(4, 128)], 2.5],
      [[phrase(4, 128), phrase(5, 128)], 0],
      [[phrase(2, 301, [9, 20])], 7.3],
      [[phrase(1, 512), phrase(2, 512)], 10],
    ] as const
  ) {
    const made = await finisher.smooth(phrases, sigma);
    assertEquals(made.length, phrases.length);
    made.forEach((one, i) => {
      const expected = smooth(phrases[i]!, sigma);
      assertEquals([one!.size, one!.sigma], [expected.size, sigma]);
      assertAlmostEquals(one!.otsu!, expected.otsu!, 1e-6);
      assertAlmostEquals(furthest(one!.normalised, expected.normalised), 0, 1e-4);
    });
  }
  finisher.destroy();
});

Deno.test("GpuFinisher leaves out a phrase that is not finite, and makes the other phrases", async () => {
  const finisher = new GpuFinisher((await openGpu())!);
  const broken = phrase(1, 64, [8]);
  broken.layers[0]!.data[3] = NaN;
  const [none, some] = await finisher.smooth([broken, phrase(2, 64, [8])], 2.5);
  assertEquals(none, undefined);
  assertEquals(some!.normalised.length, 64 * 64);
  finisher.destroy();
});

Deno.test("GpuFinisher takes phrases together that have a size and sides in common", () => {
  const kind = GpuFinisher.kindOf(phrase(1, 128));
  assertEquals(GpuFinisher.kindOf(phrase(2, 128)), kind);
  assert(GpuFinisher.kindOf(phrase(1, 64)) !== kind);
  assert(GpuFinisher.kindOf(phrase(1, 128, [16, 32])) !== kind);
  assertEquals([GpuFinisher.most(512), GpuFinisher.most(8192)], [16, 1]);
});
