import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { furthest } from "../../tests/support/gpu.ts";
import { openRuntime } from "../runtime/open_runtime.ts";
import { readValues } from "../runtime/read_values.ts";
import { attend, attendInParts } from "./attention.ts";
import { encodeModel } from "./encode.ts";
import { elementCount, GraphBuilder, type Value } from "./graph.ts";
import { RUNTIMES_TO_TRY, testOn } from "../../tests/support/runtimes.ts";

/** The last of the parts is shorter than the others. */
const [POSITIONS, CHANNELS, HEADS, ROWS] = [300, 4, 2, 64];

function attention(name: "whole" | "parts") {
  const g = new GraphBuilder(name);
  const [q, k, v] = ["q", "k", "v"].map((input) =>
    g.input(input, "float32", ["batch", POSITIONS, CHANNELS])
  ) as [Value, Value, Value];
  const rowBytes = 4 * HEADS * POSITIONS;
  const options = { heads: HEADS, wholeBytes: rowBytes, partBytes: ROWS * rowBytes };
  const whole = name === "whole";
  g.output(whole ? attend(g, q, k, v, options).output : attendInParts(g, q, k, v, options), "y");
  return g.build();
}

/** Bytes of the largest value of one item of a batch. */
function largestBytes(positions: number, heads: number): number {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["batch", positions, heads]);
  g.output(attendInParts(g, x, x, x, { heads }), "y");
  const bytes = g.build().values.map(({ dims }) =>
    4 * elementCount(dims.map((size) => typeof size === "number" ? size : 1))
  );
  return Math.max(...bytes);
}

Deno.test("attendInParts() keeps scores whole up to 64 MiB, and parts below 16 MiB", () => {
  assertEquals(largestBytes(4096, 1), 2 ** 26);
  assertEquals(largestBytes(4096, 8), 2 ** 24);
  assert(largestBytes(9216, 5) <= 2 ** 24);
});

for (const name of RUNTIMES_TO_TRY) {
  testOn(name, "attendInParts() equals attend()", async () => {
    const runtime = await openRuntime(name);
    const dims = [1, POSITIONS, CHANNELS];
    const feeds = Object.fromEntries(["q", "k", "v"].map((input, seed) => {
      const value = (_: unknown, i: number) => 3 * Math.sin(i * (1 + seed) + i * i * 1e-3);
      return [input, { data: Float32Array.from({ length: POSITIONS * CHANNELS }, value), dims }];
    }));
    const outputs: Float32Array[] = [];
    for (const form of ["whole", "parts"] as const) {
      const session = await runtime.load(encodeModel(attention(form), new Map()));
      const { y } = await session.run(feeds, ["y"]);
      assertEquals(y!.dims, dims);
      outputs.push(await readValues(runtime.gpu, y!.data, POSITIONS * CHANNELS));
      y!.release();
      await session.release();
    }
    assert(furthest(outputs[1]!, outputs[0]!) < 1e-5);
    runtime.gpu?.destroy();
  });
}
