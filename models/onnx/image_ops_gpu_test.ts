import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { furthest } from "../../tests/support/gpu.ts";
import { submitAndRead } from "../../shaders/device.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { encodeModel, type WeightSource } from "./encode.ts";
import { GraphBuilder } from "./graph.ts";
import { conv } from "./image_ops.ts";
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
      const actual = y!.data instanceof Float32Array ? y!.data : new Float32Array(
        (await submitAndRead(
          runtime.gpu!,
          runtime.gpu!.device.createCommandEncoder(),
          [{ buffer: y!.data as GPUBuffer, bytes: 4 * expected.length }],
        ))[0]!,
      );
      const off = furthest(actual, expected);
      assert(off < 1e-4, `${inputs} channels: ${off}`);
      y!.release();
      await session.release();
    }
    runtime.gpu?.destroy();
  });
}
