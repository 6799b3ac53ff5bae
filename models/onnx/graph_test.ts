import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromBinary } from "@bufbuild/protobuf";
import { openRuntime } from "../runtime/open_runtime.ts";
import { attend } from "./attention.ts";
import { encodeModel, type WeightSource } from "./encode.ts";
import { GraphBuilder } from "./graph.ts";
import { ModelProtoSchema } from "../../tests/support/onnx_pb.ts";
import { conv } from "./image_ops.ts";
import { add, groupNorm, linear, matmul, reshape, silu } from "./ops.ts";
import { splitByInput, splitGraph } from "./split.ts";

Deno.test("GraphBuilder.build() leaves out unneeded operators, but keeps the names of their weights", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["batch", 4]);
  g.input("ignored", "float32", [1]);
  const y = linear(g, x, "kept", 3);
  linear(g, y, "cut", 2);
  g.output(y, "y");
  const graph = g.build();
  assertEquals(graph.inputs.map(({ name }) => name), ["x"]);
  assertEquals([...graph.weights.keys()], ["kept.weight", "kept.bias"]);
  assertEquals([...graph.unused.keys()], ["cut.weight", "cut.bias"]);
  assertEquals(graph.nodes.map(({ op }) => op), ["Gemm", "Identity"]);
});

Deno.test("operators name the tensors whose shapes do not fit", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["batch", 30, 8, 8]);
  const y = g.input("y", "float32", ["batch", 31, 8, 8]);
  assertThrows(() => add(g, x, y), RangeError, '"x" [batch,30,8,8] and "y"');
  assertThrows(() => groupNorm(g, x, "norm", { groups: 32, epsilon: 1e-6 }), RangeError, '"norm"');
  assertThrows(() => reshape(g, g.floats([1, 2], [2]), [3]), RangeError, "Cannot reshape");
  assertThrows(() => matmul(g, g.floats([1, 2], [1, 2]), g.floats([1], [1, 1])), RangeError);
  conv(g, x, "conv", { channels: 2 });
  assertThrows(() => conv(g, y, "conv", { channels: 2 }), RangeError, '"conv.weight"');
  assertThrows(() => linear(g, g.input("z", "float32", [2, "n"]), "l", 1), TypeError, "known size");
});

Deno.test("encodeModel() writes operators, edges and names", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", ["batch", 2, 4, 4]);
  g.output(silu(g, conv(g, x, "conv_in", { channels: 3, stride: 2 })), "y");
  const file = { kind: "file", location: "w.bin", offset: 64, length: 216 } as const;
  const sources = new Map<string, WeightSource>([
    ["conv_in.weight", { ...file, type: "float16" }],
    ["conv_in.bias", { kind: "inline", data: new Float32Array(3) }],
  ]);
  const { graph } = fromBinary(ModelProtoSchema, encodeModel(g.build(), sources));
  assertEquals(graph!.node.map(({ opType }) => opType), [
    "Cast",
    "Conv",
    "Sigmoid",
    "Mul",
    "Identity",
  ]);
  assertEquals(graph!.node[0]!.output, ["conv_in.weight"]);
  assertEquals(graph!.node[1]!.input, ["x", "conv_in.weight", "conv_in.bias"]);
  const stored = graph!.initializer.find(({ name }) => name === "conv_in.weight.stored")!;
  assertEquals(stored.dims, [3n, 2n, 3n, 3n]);
  assertEquals(stored.externalData.map(({ key, value }) => [key, value]), [
    ["location", "w.bin"],
    ["offset", "64"],
    ["length", "216"],
  ]);
  assertThrows(() => encodeModel(g.build(), new Map()), Error, '"conv_in.weight" has no source');
});

Deno.test("splitGraph() gives two graphs that together compute the whole", async () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", [1, 3, 4]);
  const t = g.input("t", "float32", [1]);
  const { output, weights } = attend(g, linear(g, x, "q", 4), x, x, { heads: 2 });
  g.output(weights, "map");
  g.output(add(g, linear(g, output, "out", 4), add(g, x, t)), "y");
  const graph = g.build();
  const { front, back, between } = splitGraph(graph, ["map"]);
  assertEquals(front.inputs.map(({ name }) => name), ["x"]);
  assertEquals([...front.weights.keys()], ["q.weight", "q.bias"]);
  assertEquals([...back.weights.keys()], ["out.weight", "out.bias"]);
  assert(between.length >= 1);

  const inline = (values: number) => ({
    kind: "inline" as const,
    data: Float32Array.from({ length: values }, (_, i) => Math.sin(i + 1)),
  });
  const sources = new Map<string, WeightSource>([
    ["q.weight", inline(16)],
    ["q.bias", inline(4)],
    ["out.weight", inline(16)],
    ["out.bias", inline(4)],
  ]);
  const runtime = await openRuntime("native");
  const [whole, first, second] = await Promise.all(
    [graph, front, back].map((part) => runtime.load(encodeModel(part, sources))),
  );
  const feeds = {
    x: { data: Float32Array.from({ length: 12 }, (_, i) => Math.cos(i)), dims: [1, 3, 4] },
    t: { data: Float32Array.of(2), dims: [1] },
  };
  const expected = await whole!.run(feeds, ["map", "y"]);
  const state = await first!.run({ x: feeds.x }, ["map", ...between]);
  const rest = Object.fromEntries(
    back.inputs.map(({ name }) => [name, { ...feeds, ...state }[name]!]),
  );
  assertEquals(state.map!.data, expected.map!.data);
  assertEquals((await second!.run(rest, ["y"])).y!.data, expected.y!.data);
  for (const session of [whole, first, second]) await session!.release();
});

Deno.test("splitByInput() takes only the operators that depend on one input alone", () => {
  const g = new GraphBuilder("g");
  const x = g.input("x", "float32", [1, 3, 4]);
  const text = g.input("text", "float32", [1, 5, 6]);
  const [key, value] = ["k", "v"].map((name) => linear(g, text, name, 4));
  const { output } = attend(g, linear(g, x, "q", 4), key!, value!, { heads: 2 });
  g.output(linear(g, output, "out", 4), "y");
  const { front, back, between } = splitByInput(g.build(), "text");
  assertEquals(front.inputs.map(({ name }) => name), ["text"]);
  assertEquals([...front.weights.keys()], ["k.weight", "k.bias", "v.weight", "v.bias"]);
  assertEquals([...back.weights.keys()], ["q.weight", "q.bias", "out.weight", "out.bias"]);
  // Values and transposed keys, already split into heads.
  assertEquals(front.outputs.map(({ dims }) => dims), [[1, 2, 5, 2], [1, 2, 2, 5]]);
  assertEquals(back.inputs.map(({ name }) => name), ["x", ...between]);
  assertEquals(back.outputs.map(({ name }) => name), ["y"]);
});
