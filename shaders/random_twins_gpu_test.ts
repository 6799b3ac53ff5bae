import { assert, assertEquals, assertThrows } from "@std/assert";
import { Random } from "../base/random.ts";
import { furthest, runKernel, testGpu } from "../tests/support/gpu.ts";
import { AttentionSums } from "./aggregate.ts";
import { AttentionAccumulator, normalize01 } from "./aggregate_cpu.ts";
import { Gaussian } from "./gaussian.ts";
import { gaussianBlur } from "./gaussian_cpu.ts";
import { Otsu } from "./otsu.ts";
import { applyThreshold, otsuThreshold } from "./otsu_cpu.ts";
import { Resize } from "./resize.ts";
import { resizeBilinear } from "./resize_cpu.ts";
import type { Size } from "../base/geometry.ts";
import { Separable } from "./separable.ts";
import { applyBands, smoothResizeBand } from "./separable_cpu.ts";

// Compares every kernel with its CPU twin on inputs drawn from a seed. Inputs are thin, tiny and
// long maps, values far from 1, ties and negative zeros. A failure names its seed.

/** Number of draws for each kernel. */
const DRAWS = 12;

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.integer(0, choices.length - 1)]!;
}

function drawSize(random: Random): Size {
  const [width, height] = pick(random, [
    [1, random.integer(1, 300)],
    [random.integer(1, 300), 1],
    [3, 2000],
    [2000, 2],
    [random.integer(1, 40), random.integer(1, 40)],
    [random.integer(60, 300), random.integer(60, 300)],
    [128, 128],
    [129, 7],
  ]);
  return { width: width!, height: height! };
}

/** Returns a map and its largest absolute value. */
function drawMap(random: Random, length: number): { map: Float32Array; scale: number } {
  const scale = pick(random, [1, 1, 1, 1e-30, 1e-6, 1e5, 1e30]);
  const kind = pick(random, ["even", "normal", "ties", "spike", "zeros", "offset"]);
  const map = Float32Array.from({ length }, (_, i) => {
    switch (kind) {
      case "even":
        return random.uniform() * scale;
      case "normal":
        return random.normal() * scale;
      case "ties":
        return random.integer(-2, 3) * scale / 4;
      case "spike":
        return i === length >> 1 ? scale : 0;
      case "zeros":
        return random.uniform() < 0.5 ? -0 : pick(random, [0, 0, scale]);
      default:
        return scale * (1 + 1e-3 * random.uniform());
    }
  });
  return { map, scale: map.reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}

/** Runs a test for each draw, with the draw's own seed. */
function draws(name: string, test: (random: Random, seed: number) => Promise<void>): void {
  Deno.test(`${name} as its twin on drawn inputs`, async () => {
    for (let seed = 0; seed < DRAWS; seed++) {
      try {
        await test(new Random(seed), seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

draws("resize", async (random) => {
  const [from, to] = [drawSize(random), drawSize(random)];
  const { map, scale } = drawMap(random, from.width * from.height);
  const resize = new Resize(await testGpu(), from, to);
  const { result } = await runKernel(map, to.width * to.height, (...all) => resize.record(...all));
  resize.destroy();
  const off = furthest(result, resizeBilinear(map, from, to));
  assert(off <= 1e-6 * scale, `${off} of ${scale}`);
});

draws("gaussian", async (random) => {
  const size = drawSize(random);
  const sigma = pick(random, [0, 0.1, 0.13, 0.5, 1, 2.5, 7.3, 32]);
  const { map, scale } = drawMap(random, size.width * size.height);
  const gaussian = new Gaussian(await testGpu(), size, sigma);
  const { result } = await runKernel(map, map.length, (...all) => gaussian.record(...all));
  gaussian.destroy();
  const off = furthest(result, gaussianBlur(map, size.width, size.height, sigma));
  assert(off <= 2e-6 * scale, `${off} of ${scale}, sigma ${sigma}`);
});

draws("separable", async (random) => {
  const [from, to] = [drawSize(random), drawSize(random)];
  const sigma = pick(random, [0, 0.4, 2.5, 11]);
  const rows = smoothResizeBand(from.height, to.height, sigma);
  const columns = smoothResizeBand(from.width, to.width, sigma);
  const { map, scale } = drawMap(random, from.width * from.height);
  const product = new Separable(await testGpu(), rows, columns);
  const { result } = await runKernel(map, to.width * to.height, (...all) => product.record(...all));
  product.destroy();
  const off = furthest(result, applyBands(map, rows, columns));
  assert(off <= 2e-6 * scale, `${off} of ${scale}, sigma ${sigma}`);
});

draws("otsu", async (random) => {
  const size = drawSize(random);
  const { map } = drawMap(random, size.width * size.height);
  const gpu = await testGpu();
  const otsu = new Otsu(gpu, size);
  const { result, words } = await runKernel(
    map,
    map.length,
    (...all) => otsu.record(...all),
    [{ buffer: otsu.states, bytes: otsu.stateBytes }],
  );
  const { threshold, isBroken } = otsu.readState(words[0]!, 0);
  otsu.destroy();
  const expected = otsuThreshold(map);
  // Adding 0 turns a negative zero into a positive zero.
  assertEquals(threshold + 0, expected + 0);
  assertEquals(isBroken, false);
  assertEquals(furthest(result, applyThreshold(map, expected)), 0);
});

draws("normalise", async (random) => {
  const size = drawSize(random);
  const { map } = drawMap(random, size.width * size.height);
  const otsu = new Otsu(await testGpu(), size);
  const { result, words } = await runKernel(
    map,
    map.length,
    (...all) => otsu.recordScaling(...all),
    [{ buffer: otsu.states, bytes: otsu.stateBytes }],
  );
  const { isConstant } = otsu.readState(words[0]!, 0);
  otsu.destroy();
  assertEquals(isConstant, map.every((value) => value === map[0]));
  assert(furthest(result, normalize01(map)) <= 3e-7);
});

draws("aggregate", async (random, seed) => {
  const side = seed === 0 ? 4 : pick(random, [1, 2, 7, 16, 33]);
  const tokens = random.integer(1, 77);
  const phrases = random.integer(1, 3);
  const layers = random.integer(1, 4);
  const steps = seed === 0 ? 334 : random.integer(1, 12);
  const positions = side * side;
  const ranges = Array.from({ length: phrases }, () => {
    // Average at most half of the tokens: the sum over all tokens is 1 everywhere, up to rounding.
    const count = random.integer(1, Math.max(1, Math.floor(tokens / 2)));
    const start = random.integer(0, tokens - count);
    return [start, start + count] as const;
  });
  const sums = new AttentionSums(await testGpu(), { phrases, layers, positions, tokens, ranges });
  const twins = Array.from({ length: phrases * layers }, () => new AttentionAccumulator(positions));
  const length = positions * tokens;
  const all = new Float32Array(steps * twins.length * length);
  for (let step = 0; step < steps; step++) {
    // Softmax of logits with some spread: sharp, even, or nearly the same everywhere.
    const spread = pick(random, [0, 0.001, 1, 10]);
    const maps = new Float32Array(twins.length * length).map(() =>
      Math.exp(spread * random.normal())
    );
    for (let row = 0; row < maps.length; row += tokens) {
      const values = maps.subarray(row, row + tokens);
      const total = values.reduce((sum, value) => sum + value, 0);
      values.forEach((value, i) => values[i] = value / total);
    }
    twins.forEach((twin, i) => {
      const [tokenStart, tokenEnd] = ranges[Math.floor(i / layers)]!;
      twin.add(maps.subarray(i * length, (i + 1) * length), { tokens, tokenStart, tokenEnd });
    });
    all.set(maps, step * maps.length);
  }
  for (let phrase = 0; phrase < phrases; phrase++) {
    const own = new Float32Array(all.length / phrases);
    for (let step = 0; step < steps; step++) {
      const from = (step * phrases + phrase) * layers * length;
      own.set(all.subarray(from, from + layers * length), step * layers * length);
    }
    await runKernel(own, 1, (encoder, source) => sums.add(encoder, source, phrase, steps));
  }
  const { words } = await runKernel(new Float32Array(1), 1, (encoder) => sums.average(encoder), [
    { buffer: sums.means, bytes: phrases * positions * 4 },
    { buffer: sums.states, bytes: sums.stateBytes },
  ]);
  const means = new Float32Array(words[0]!.buffer);
  sums.destroy();
  for (let phrase = 0; phrase < phrases; phrase++) {
    const own = twins.slice(phrase * layers, (phrase + 1) * layers).map((twin) => twin.mean());
    const expected = own[0]!.map((_, i) => own.reduce((sum, mean) => sum + mean[i]! / layers, 0));
    const off = furthest(means.subarray(phrase * positions, (phrase + 1) * positions), expected);
    assert(
      off <= 1e-5,
      `phrase ${phrase}: ${off}; ${JSON.stringify({ side, tokens, ranges, steps })}`,
    );
  }
});

Deno.test("values at the ends of float32 leave no NaN", async () => {
  const gpu = await testGpu();
  const [low, high] = [1e-45, 3e38];
  const otsu = new Otsu(gpu, { width: 4, height: 2 });
  const states = [{ buffer: otsu.states, bytes: otsu.stateBytes }];
  const scale = (...values: number[]) =>
    runKernel(
      Float32Array.of(...values, ...values),
      8,
      (encoder, source, result) => {
        otsu.recordScaling(encoder, source, result);
        otsu.record(encoder, result, source, true);
      },
      states,
    );
  // On every device, a map whose range is below the smallest normal number is constant.
  const tiny = await scale(low, 0, 4 * low, 1000 * low);
  assertEquals([...tiny.result], [0, 0, 0, 0, 0, 0, 0, 0]);
  const { isBroken, isConstant, threshold } = otsu.readState(tiny.words[0]!, 0);
  assertEquals([isBroken, isConstant, threshold], [false, true, 0]);
  // Like the twin, the kernel refuses a range that float32 cannot hold.
  const huge = await scale(-high, 0, 1, high);
  assertEquals(otsu.readState(huge.words[0]!, 0).isBroken, true);
  assertThrows(() => normalize01(Float32Array.of(-high, high)), RangeError, "span");
  otsu.destroy();

  const options = { phrases: 1, layers: 1, positions: 4, tokens: 2 };
  const sums = new AttentionSums(gpu, { ...options, ranges: [[0, 1]] });
  const maps = Float32Array.of(low, 1, 0, 1, 4 * low, 1, 1000 * low, 1);
  const { words } = await runKernel(maps, 1, (encoder, source) => {
    sums.add(encoder, source, 0);
    sums.average(encoder);
  }, [{ buffer: sums.means, bytes: 16 }, { buffer: sums.states, bytes: sums.stateBytes }]);
  assertEquals([...new Float32Array(words[0]!.buffer)], [0, 0, 0, 0]);
  assertEquals(sums.readStates(words[1]!, 0), { constantMaps: 1, brokenMaps: 0 });
  sums.destroy();
});
