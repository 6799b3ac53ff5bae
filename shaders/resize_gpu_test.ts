import { assert } from "@std/assert";
import { preprocess } from "../images/preprocess.ts";
import { preprocessOnGpu } from "../images/preprocess_gpu.ts";
import { furthest, hardMaps, runKernel, SIZES, testGpu } from "../tests/support/gpu.ts";
import { Resize } from "./resize.ts";
import { resizeBilinear } from "./resize_cpu.ts";

for (const [fromWidth, fromHeight] of [...SIZES, [16, 16] as const]) {
  for (const [toWidth, toHeight] of SIZES) {
    Deno.test(`resize ${fromWidth}x${fromHeight} to ${toWidth}x${toHeight} as its twin`, async () => {
      const gpu = await testGpu();
      const from = { width: fromWidth, height: fromHeight };
      const to = { width: toWidth, height: toHeight };
      const resize = new Resize(gpu, from, to);
      for (const [name, map] of Object.entries(hardMaps(fromWidth, fromHeight))) {
        const { result } = await runKernel(
          map,
          toWidth * toHeight,
          (...buffers) => resize.record(...buffers),
        );
        const off = furthest(result, resizeBilinear(map, from, to));
        assert(off <= 1e-6, `${name}: ${off}`);
      }
      resize.destroy();
    });
  }
}

Deno.test("resize takes several maps at once", async () => {
  const gpu = await testGpu();
  const [from, to] = [{ width: 7, height: 5 }, { width: 33, height: 20 }];
  const { noise, smooth } = hardMaps(7, 5);
  const both = Float32Array.of(...noise!, ...smooth!);
  const resize = new Resize(gpu, from, to);
  const { result } = await runKernel(both, 2 * 660, (...buffers) => resize.record(...buffers, 2));
  for (const [i, map] of [noise!, smooth!].entries()) {
    const part = result.subarray(660 * i, 660 * (i + 1));
    assert(furthest(part, resizeBilinear(map, from, to)) <= 1e-6);
  }
  resize.destroy();
});

for (
  const [width, height, size] of [[4096, 4096, 512], [2544, 3056, 512], [31, 17, 64], [1, 1, 8]]
) {
  Deno.test(`a grey image of ${width}x${height} becomes the model's input of ${size}`, async () => {
    const gpu = await testGpu();
    const data = new Uint8Array(width! * height!);
    for (let i = 0; i < data.length; i++) data[i] = Math.imul(i, 2654435761) >>> 24;
    const gray = { data, width: width!, height: height! };
    const input = preprocessOnGpu(gpu, gray, size!);
    const { words } = await runKernel(new Float32Array(4), 4, () => {}, [
      { buffer: input, bytes: 4 * size! * size! },
    ]);
    input.destroy();
    const off = furthest(new Float32Array(words[0]!.buffer), preprocess(gray, size!));
    assert(off <= 1e-6, String(off));
  });
}
