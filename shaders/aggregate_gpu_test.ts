import { assert, assertEquals, assertThrows } from "@std/assert";
import { furthest, runKernel, testGpu } from "../tests/support/gpu.ts";
import { AttentionSums } from "./aggregate.ts";
import { AttentionAccumulator } from "./aggregate_cpu.ts";

/**
 * Returns softmax-like maps `[phrases, layers, positions, tokens]`, with other values at every
 * step.
 */
function softmaxMaps(length: number, tokens: number, step: number): Float32Array {
  const maps = new Float32Array(length);
  let state = 1 + step * 7919;
  for (let row = 0; row < length; row += tokens) {
    let total = 0;
    for (let token = 0; token < tokens; token++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      total += maps[row + token] = Math.exp(4 * state / 2 ** 32);
    }
    for (let token = 0; token < tokens; token++) maps[row + token]! /= total;
  }
  return maps;
}

interface Case {
  phrases: number;
  layers: number;
  side: number;
  tokens: number;
  ranges: readonly (readonly [number, number])[];
  steps: number;
}

const CASES: Case[] = [
  { phrases: 1, layers: 4, side: 16, tokens: 77, ranges: [[1, 9]], steps: 60 },
  { phrases: 3, layers: 2, side: 5, tokens: 7, ranges: [[0, 6], [1, 2], [5, 7]], steps: 3 },
  { phrases: 1, layers: 1, side: 1, tokens: 77, ranges: [[1, 4]], steps: 2 },
  { phrases: 2, layers: 1, side: 64, tokens: 9, ranges: [[1, 4], [2, 8]], steps: 2 },
  { phrases: 1, layers: 1, side: 4, tokens: 8, ranges: [[1, 7]], steps: 1000 },
];

for (const { phrases, layers, side, tokens, ranges, steps } of CASES) {
  const name = `${phrases} phrases, ${layers} layers of ${side}x${side}x${tokens}, ${steps} steps`;
  Deno.test(`aggregate as its twin: ${name}`, async () => {
    const gpu = await testGpu();
    const positions = side * side;
    const sums = new AttentionSums(gpu, { phrases, layers, positions, tokens, ranges });
    const twins = Array.from(
      { length: phrases * layers },
      () => new AttentionAccumulator(positions),
    );
    const length = positions * tokens;
    for (let step = 0; step < steps; step++) {
      const maps = softmaxMaps(phrases * layers * length, tokens, step);
      twins.forEach((twin, i) => {
        const [tokenStart, tokenEnd] = ranges[Math.floor(i / layers)]!;
        const map = maps.subarray(i * length, (i + 1) * length);
        twin.add(map, { tokens, tokenStart, tokenEnd });
      });
      for (let phrase = 0; phrase < phrases; phrase++) {
        const own = maps.slice(phrase * layers * length, (phrase + 1) * layers * length);
        await runKernel(own, 4, (encoder, source) => sums.add(encoder, source, phrase));
      }
    }
    const means = { buffer: sums.means, bytes: phrases * positions * 4 };
    const { words } = await runKernel(
      new Float32Array(4),
      4,
      (encoder) => sums.average(encoder),
      [means, { buffer: sums.states, bytes: sums.stateBytes }],
    );
    const floats = new Float32Array(words[0]!.buffer);
    for (let phrase = 0; phrase < phrases; phrase++) {
      const own = twins.slice(phrase * layers, (phrase + 1) * layers).map((twin) => twin.mean());
      const expected = own[0]!.map((_, i) => own.reduce((sum, mean) => sum + mean[i]! / layers, 0));
      const off = furthest(floats.subarray(phrase * positions, (phrase + 1) * positions), expected);
      assert(off <= 1e-6, `phrase ${phrase}: ${off}`);
      const constantMaps = side === 1 ? steps * layers : 0;
      assertEquals(sums.readStates(words[1]!, phrase), { constantMaps, brokenMaps: 0 });
    }
    sums.destroy();
  });
}

Deno.test("aggregate adds one phrase's maps to that phrase alone", async () => {
  const gpu = await testGpu();
  const options = { phrases: 3, layers: 2, positions: 9, tokens: 5 };
  const sums = new AttentionSums(gpu, { ...options, ranges: [[0, 2], [1, 3], [2, 5]] });
  const maps = softmaxMaps(2 * 45, 5, 0);
  for (const phrase of [0, 1, 2]) {
    await runKernel(maps, 4, (encoder, source) => sums.add(encoder, source, phrase));
  }
  const { words } = await runKernel(new Float32Array(4), 4, (encoder) => sums.average(encoder), [
    { buffer: sums.means, bytes: 3 * 9 * 4 },
  ]);
  const floats = new Float32Array(words[0]!.buffer);
  [[0, 2], [1, 3], [2, 5]].forEach(([tokenStart, tokenEnd], phrase) => {
    const own = [0, 1].map((layer) => {
      const twin = new AttentionAccumulator(9);
      const map = maps.subarray(layer * 45, (layer + 1) * 45);
      twin.add(map, { tokens: 5, tokenStart: tokenStart!, tokenEnd: tokenEnd! });
      return twin.mean();
    });
    const expected = own[0]!.map((value, i) => (value + own[1]![i]!) / 2);
    assert(furthest(floats.subarray(9 * phrase, 9 * phrase + 9), expected) <= 1e-6);
  });
  sums.destroy();
});

Deno.test("aggregate takes the maps of several steps together", async () => {
  const gpu = await testGpu();
  const options = { phrases: 2, layers: 2, positions: 900, tokens: 5 };
  const ranges = [[0, 2], [1, 3]] as const;
  const read = async (sums: AttentionSums) => {
    const { words } = await runKernel(new Float32Array(4), 4, (encoder) => sums.average(encoder), [
      { buffer: sums.means, bytes: 2 * 900 * 4 },
    ]);
    sums.destroy();
    return new Float32Array(words[0]!.buffer);
  };
  const steps = [0, 1, 2].map((step) => softmaxMaps(4 * 900 * 5, 5, step));
  const together = new AttentionSums(gpu, { ...options, ranges });
  const apart = new AttentionSums(gpu, { ...options, ranges });
  for (const phrase of [0, 1]) {
    const own = steps.map((maps) => maps.slice(phrase * 9000, (phrase + 1) * 9000));
    const all = Float32Array.from(own.flatMap((maps) => [...maps]));
    await runKernel(all, 4, (encoder, source) => together.add(encoder, source, phrase, 3));
    for (const maps of own) {
      await runKernel(maps, 4, (encoder, source) => apart.add(encoder, source, phrase));
    }
  }
  assertEquals(await read(together), await read(apart));
});

Deno.test("aggregate counts constant maps as 0 and names broken ones", async () => {
  const gpu = await testGpu();
  const options = { phrases: 1, layers: 3, positions: 4, tokens: 2 };
  const sums = new AttentionSums(gpu, { ...options, ranges: [[1, 2]] });
  const constant = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5];
  const rising = [0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.5, 0.5];
  const broken = [0.9, 0.1, 0.8, NaN, 0.7, 0.3, 0.5, 0.5];
  const { words } = await runKernel(
    Float32Array.of(...constant, ...rising, ...broken),
    4,
    (encoder, source) => {
      sums.add(encoder, source, 0);
      sums.average(encoder);
    },
    [{ buffer: sums.states, bytes: sums.stateBytes }, { buffer: sums.means, bytes: 16 }],
  );
  assertEquals(sums.readStates(words[0]!, 0), { constantMaps: 1, brokenMaps: 1 });
  const expected = Float32Array.of(0, 0.25 / 3, 0.5 / 3, 1 / 3);
  assert(furthest(new Float32Array(words[1]!.buffer), expected) <= 1e-6);
  sums.destroy();
});

Deno.test("aggregate refuses maps that are not square and ranges outside them", async () => {
  const gpu = await testGpu();
  const options = { phrases: 1, layers: 1, positions: 4, tokens: 5 };
  assertThrows(
    () => new AttentionSums(gpu, { ...options, positions: 5, ranges: [[0, 1]] }),
    RangeError,
    "square number",
  );
  for (const range of [[1, 1], [-1, 2], [0, 6]] as const) {
    assertThrows(() => new AttentionSums(gpu, { ...options, ranges: [range] }), RangeError);
  }
  assertThrows(() => new AttentionSums(gpu, { ...options, ranges: [] }), RangeError, "got 0");
});
