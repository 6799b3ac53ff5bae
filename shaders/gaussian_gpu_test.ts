import { assert, assertThrows } from "@std/assert";
import { furthest, hardMaps, runKernel, SIZES, testGpu } from "../tests/support/gpu.ts";
import { Gaussian } from "./gaussian.ts";
import { gaussianBlur } from "./gaussian_cpu.ts";

for (const [width, height] of SIZES) {
  for (const sigma of [0, 0.1, 2.5, 32]) {
    Deno.test(`gaussian of sigma ${sigma} on ${width}x${height} as its twin`, async () => {
      const gpu = await testGpu();
      const gaussian = new Gaussian(gpu, { width, height }, sigma);
      const { noise, ...others } = hardMaps(width, height);
      // A value is as hard in a small map, and the widest blur of a large map is slow.
      const maps = { noise: noise!, ...(width < 100 && others) };
      for (const [name, map] of Object.entries(maps)) {
        const { result } = await runKernel(
          map,
          map.length,
          (...buffers) => gaussian.record(...buffers),
        );
        const off = furthest(result, gaussianBlur(map, width, height, sigma));
        assert(off <= 2e-6, `${name}: ${off}`);
      }
      gaussian.destroy();
    });
  }
}

Deno.test("gaussian takes several maps at once, and leaves each to itself", async () => {
  const gpu = await testGpu();
  const { noise, hot } = hardMaps(17, 31);
  const both = Float32Array.of(...noise!, ...hot!);
  const gaussian = new Gaussian(gpu, { width: 17, height: 31 }, 3, 2);
  const { result } = await runKernel(
    both,
    both.length,
    (...buffers) => gaussian.record(...buffers),
  );
  for (const [i, map] of [noise!, hot!].entries()) {
    const part = result.subarray(527 * i, 527 * (i + 1));
    assert(furthest(part, gaussianBlur(map, 17, 31, 3)) <= 2e-6);
  }
  gaussian.destroy();
});

Deno.test("gaussian refuses a sigma out of range", async () => {
  const gpu = await testGpu();
  for (const sigma of [-1, 33, NaN]) {
    assertThrows(() => new Gaussian(gpu, { width: 8, height: 8 }, sigma), RangeError, "0..32");
  }
});
