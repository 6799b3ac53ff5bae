import { assert, assertEquals } from "@std/assert";
import { furthest, hardMaps, runKernel, SIZES, testGpu } from "../tests/support/gpu.ts";
import { normalize01 } from "./aggregate_cpu.ts";
import { Otsu } from "./otsu.ts";
import { applyThreshold, otsuThreshold } from "./otsu_cpu.ts";

/** Returns hard maps, and maps whose values fall into few bins. */
function maps(width: number, height: number): Record<string, Float32Array> {
  const length = width * height;
  const steps = (values: readonly number[]) =>
    Float32Array.from({ length }, (_, i) => values[i % values.length]!);
  return {
    ...hardMaps(width, height),
    "two values": steps([0.2, 0.7]),
    "three values": steps([0, 0.5, 1]),
    "four values": steps([0, 0.25, 0.5, 1]),
    "tied values": steps([0, 1 / 3, 2 / 3, 1]),
    "large values": steps([-3e8, 1e5, 3e8, 7e4]),
  };
}

for (const [width, height] of SIZES) {
  Deno.test(`otsu on ${width}x${height} as its twin`, async () => {
    const gpu = await testGpu();
    const otsu = new Otsu(gpu, { width, height });
    for (const [name, map] of Object.entries(maps(width, height))) {
      const { result, words } = await runKernel(
        map,
        map.length,
        (...buffers) => otsu.record(...buffers),
        [{ buffer: otsu.states, bytes: otsu.stateBytes }],
      );
      const { threshold, isBroken } = otsu.readState(words[0]!, 0);
      assertEquals(threshold, otsuThreshold(map), name);
      assertEquals(isBroken, false);
      assertEquals(furthest(result, applyThreshold(map, threshold)), 0, name);
    }
    otsu.destroy();
  });

  Deno.test(`normalise on ${width}x${height} as its twin`, async () => {
    const gpu = await testGpu();
    const kernel = new Otsu(gpu, { width, height });
    for (const [name, map] of Object.entries(maps(width, height))) {
      const { result, words } = await runKernel(
        map,
        map.length,
        (...buffers) => kernel.recordScaling(...buffers),
        [{ buffer: kernel.states, bytes: kernel.stateBytes }],
      );
      const state = kernel.readState(words[0]!, 0);
      const isConstant = map.every((value) => value === map[0]);
      assertEquals([state.isBroken, state.isConstant], [false, isConstant], name);
      const off = furthest(result, normalize01(map));
      assert(off <= 2e-7, `${name}: ${off}`);
      if (!isConstant) assert(result.includes(0) && result.includes(1), name);

      // After scaling, the kernel knows the range and need not search for it again.
      const scaled = normalize01(map);
      const both = await runKernel(map, map.length, (encoder, source, result) => {
        kernel.recordScaling(encoder, source, result);
        kernel.record(encoder, result, source, true);
      }, [{ buffer: kernel.states, bytes: kernel.stateBytes }]);
      assertEquals(kernel.readState(both.words[0]!, 0).threshold, otsuThreshold(scaled), name);
    }
    kernel.destroy();
  });
}

Deno.test("maps of one batch have thresholds of their own", async () => {
  const gpu = await testGpu();
  const { noise, smooth, hot } = hardMaps(17, 31);
  const batch = [noise!, smooth!, hot!];
  const otsu = new Otsu(gpu, { width: 17, height: 31 }, { maps: 3 });
  const { words } = await runKernel(
    Float32Array.from(batch.flatMap((map) => [...map])),
    3 * 527,
    (...buffers) => otsu.record(...buffers),
    [{ buffer: otsu.states, bytes: otsu.stateBytes }],
  );
  batch.forEach((map, i) => {
    assertEquals(otsu.readState(words[0]!, i).threshold, otsuThreshold(map));
  });
  otsu.destroy();
});

Deno.test("NaN and infinities are noticed, not spread", async () => {
  const gpu = await testGpu();
  const otsu = new Otsu(gpu, { width: 17, height: 31 });
  const normalize = new Otsu(gpu, { width: 17, height: 31 });
  for (const bad of [NaN, Infinity, -Infinity]) {
    const map = hardMaps(17, 31).noise!;
    map[300] = bad;
    const { words } = await runKernel(map, map.length, (encoder, source, result) => {
      otsu.record(encoder, source, result);
      normalize.recordScaling(encoder, source, result);
    }, [{ buffer: otsu.states, bytes: 20 }, { buffer: normalize.states, bytes: 20 }]);
    assertEquals(otsu.readState(words[0]!, 0).isBroken, true);
    assertEquals(normalize.readState(words[1]!, 0).isBroken, true);
  }
  otsu.destroy();
  normalize.destroy();
});

Deno.test("a map that varies by rounding alone counts as constant on request", async () => {
  const gpu = await testGpu();
  const kernel = new Otsu(gpu, { width: 2, height: 1 }, { rounding: 1e-6 });
  const run = async (map: Float32Array) => {
    const { result, words } = await runKernel(
      map,
      2,
      (...buffers) => kernel.recordScaling(...buffers),
      [{ buffer: kernel.states, bytes: kernel.stateBytes }],
    );
    return [[...result], kernel.readState(words[0]!, 0).isConstant];
  };
  assertEquals(await run(Float32Array.of(0.5, 0.5 + 2e-7)), [[0, 0], true]);
  assertEquals(await run(Float32Array.of(0.5, 0.5 + 2e-6)), [[0, 1], false]);
  kernel.destroy();
});
