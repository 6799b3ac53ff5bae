import { assert, assertEquals } from "@std/assert";
import { furthest, hardMaps, runKernel, SIZES, testGpu } from "../tests/support/gpu.ts";
import { gaussianBlur } from "./gaussian_cpu.ts";
import { resizeBilinear } from "./resize_cpu.ts";
import { Separable } from "./separable.ts";
import { applyBands, bandWins, smoothResizeBand } from "./separable_cpu.ts";

for (const [fromWidth, fromHeight] of [[16, 16], [1, 1], [17, 31], [64, 64]] as const) {
  for (const [width, height] of SIZES) {
    for (const sigma of [0, 2.5, 32]) {
      const name = `${fromWidth}x${fromHeight} to ${width}x${height}, sigma ${sigma}`;
      Deno.test(`one product equals resize and gaussian: ${name}`, async () => {
        const gpu = await testGpu();
        const rows = smoothResizeBand(fromHeight, height, sigma);
        const columns = smoothResizeBand(fromWidth, width, sigma);
        const separable = new Separable(gpu, rows, columns);
        for (const [name, map] of Object.entries(hardMaps(fromWidth, fromHeight))) {
          const from = { width: fromWidth, height: fromHeight };
          const resized = resizeBilinear(map, from, { width, height });
          const expected = gaussianBlur(resized, width, height, sigma);
          const twin = applyBands(map, rows, columns);
          assert(furthest(twin, expected) <= 1e-6, `${name}, twin`);
          const { result } = await runKernel(
            map,
            width * height,
            (...buffers) => separable.record(...buffers),
          );
          const off = furthest(result, expected);
          assert(off <= 2e-6, `${name}: ${off}`);
        }
        separable.destroy();
      });
    }
  }
}

Deno.test("the product adds to the output, and takes several maps", async () => {
  const gpu = await testGpu();
  const band = smoothResizeBand(3, 8, 1);
  const separable = new Separable(gpu, band, band, 2);
  const { noise, smooth } = hardMaps(3, 3);
  const both = Float32Array.of(...noise!, ...smooth!);
  const { result } = await runKernel(both, 128, (encoder, source, target) => {
    separable.record(encoder, source, target);
    separable.record(encoder, source, target, true);
  });
  const expected = [noise!, smooth!].flatMap((map) => [...applyBands(map, band, band)]);
  assert(furthest(result, Float32Array.from(expected, (value) => 2 * value)) <= 2e-6);
  separable.destroy();
});

Deno.test("the product is chosen where it takes less arithmetic", () => {
  assertEquals(bandWins(smoothResizeBand(16, 512, 2.5), 2.5), true);
  assertEquals(bandWins(smoothResizeBand(512, 512, 32), 32), false);
});
