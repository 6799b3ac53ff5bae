import { assert, assertThrows } from "@std/assert";
import { furthest, hardMaps, testGpu } from "../tests/support/gpu.ts";
import { checked, storage, submitAndRead } from "./device.ts";
import { mix } from "./mix.ts";
import { mixValues } from "./mix_cpu.ts";

for (const [width, height] of [[1, 1], [17, 31], [1000, 700]] as const) {
  Deno.test(`mix of ${width * height} values as its twin`, async () => {
    const gpu = await testGpu();
    const { noise, negative } = hardMaps(width, height);
    const x = storage(gpu, "x", noise!);
    const y = storage(gpu, "y", negative!);
    const factors = [0.75, -1.25] as const;
    const bytes = await checked(gpu, "mix", async () => {
      const encoder = gpu.device.createCommandEncoder();
      const { result, scratch } = mix(gpu, encoder, factors, x, y, noise!.length);
      const read = await submitAndRead(gpu, encoder, [
        { buffer: result, bytes: 4 * noise!.length },
      ]);
      for (const buffer of [x, y, result, scratch]) buffer.destroy();
      return read[0]!;
    });
    const off = furthest(new Float32Array(bytes), mixValues(factors, noise!, negative!));
    assert(off <= 2e-7, String(off));
  });
}

Deno.test("mixValues() refuses operands of different lengths", () => {
  assertThrows(() => mixValues([1, 1], new Float32Array(2), new Float32Array(3)), RangeError);
});
