import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { furthest } from "../../tests/support/gpu.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { takeOutput } from "../runtime/read_values.ts";
import { encodeModel, type WeightSource } from "./encode.ts";
import { GraphBuilder } from "./graph.ts";
import { conv } from "./image_ops.ts";
import { groupNorm } from "./ops.ts";
import { RUNTIMES_TO_TRY, testOn } from "../../tests/support/runtimes.ts";

const SIDE = 8;
const CHANNELS = 16;

const numbers = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i + (i * i) % 101));

/** Computes a convolution with zero padding by its definition, one output after another. */
function plainConv(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  inputs: number,
): Float32Array {
  const at = (channel: number, row: number, column: number) =>
    row < 0 || column < 0 || row >= SIDE || column >= SIDE
      ? 0
      : x[(channel * SIDE + row) * SIDE + column]!;
  return Float32Array.from({ length: CHANNELS * SIDE * SIDE }, (_, i) => {
    const [out, row, column] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    let sum = bias[out]!;
    for (let channel = 0; channel < inputs; channel++) {
      for (let tap = 0; tap < 9; tap++) {
        sum += weight[(out * inputs + channel) * 9 + tap]! *
          at(channel, row + Math.floor(tap / 3) - 1, column + tap % 3 - 1);
      }
    }
    return sum;
  });
}

for (const name of RUNTIMES_TO_TRY) {
  testOn(name, "conv() is right for any number of input channels", async () => {
    const runtime = await openRuntime(name);
    for (const inputs of [1, 3, 4, 5, 6, 9, 12, 15, 18]) {
      const g = new GraphBuilder("g");
      const dims = [1, inputs, SIDE, SIDE];
      g.output(conv(g, g.input("x", "float32", dims), "conv", { channels: CHANNELS }), "y");
      const [weight, bias] = [numbers(CHANNELS * inputs * 9, 1), numbers(CHANNELS, 2)];
      const weights = new Map<string, WeightSource>([
        ["conv.weight", { kind: "inline", data: weight }],
        ["conv.bias", { kind: "inline", data: bias }],
      ]);
      const session = await runtime.load(encodeModel(g.build(), weights));
      const data = numbers(inputs * SIDE * SIDE, 3);
      const { y } = await session.run({ x: { data, dims } }, ["y"]);
      assertEquals(y!.dims, [1, CHANNELS, SIDE, SIDE]);
      const expected = plainConv(data, weight, bias, inputs);
      const off = furthest(await takeOutput(runtime.gpu, y!), expected);
      assert(off < 1e-4, `${inputs} channels: ${off}`);
      await session.release();
    }
    runtime.gpu?.destroy();
  });

  testOn(name, "groupNorm() holds on a large map with a large mean", async () => {
    const [channels, side, groups] = [4, 256, 2];
    const data = Float32Array.from(
      { length: channels * side * side },
      (_, i) => 100 + Math.sin(i * 0.7) + (i % 3),
    );
    const runtime = await openRuntime(name);
    const g = new GraphBuilder("g");
    const dims = [1, channels, side, side];
    g.output(groupNorm(g, g.input("x", "float32", dims), "norm", { groups, epsilon: 1e-6 }), "y");
    const [weight, bias] = [Float32Array.of(1, 2, 3, 4), Float32Array.of(0, 1, 2, 3)];
    const sources = new Map<string, WeightSource>([
      ["norm.weight", { kind: "inline", data: weight }],
      ["norm.bias", { kind: "inline", data: bias }],
    ]);
    const session = await runtime.load(encodeModel(g.build(), sources));
    const { y } = await session.run({ x: { data, dims } }, ["y"]);
    const actual = await takeOutput(runtime.gpu, y!);
    await session.release();
    runtime.gpu?.destroy();
    const size = data.length / groups;
    const expected = Array.from({ length: groups }, (_, group) => {
      const values = data.subarray(group * size, (group + 1) * size);
      const mean = values.reduce((sum, value) => sum + value, 0) / size;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
      return Array.from(values, (value, i) => {
        const channel = Math.floor((group * size + i) / (side * side));
        return (value - mean) / Math.sqrt(variance + 1e-6) * weight[channel]! + bias[channel]!;
      });
    });
    const off = furthest(actual, Float32Array.from(expected.flat()));
    assert(off < 2e-4, `${off}`);
  });
}
