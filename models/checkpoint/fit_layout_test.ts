import { assertEquals, assertRejects } from "@std/assert";
import type { Checkpoint } from "./checkpoint.ts";
import { fitLayout, tellLayout } from "./fit_layout.ts";
import { wholeSet } from "./tensor_set.ts";
import type { TensorEntry } from "./tensor_entry.ts";

const NAMES = [["to_q", "q", "qk"], ["to_k", "k", "qk"], ["out.0", "proj", "proj"]];
const EXPECTED = new Map([
  ["a.to_q.weight", [2, 3]],
  ["a.to_k.weight", [2, 3]],
  ["a.to_q.bias", [2]],
  ["a.to_k.bias", [2]],
  ["a.out.0.weight", [3, 2]],
  ["b.weight", [5]],
]);
const CORE: Shapes = {
  "a.q.weight": [2, 3],
  "a.k.weight": [2, 3],
  "a.q.bias": [2],
  "a.k.bias": [2],
  "a.proj.weight": [3, 2],
  "b.weight": [5],
};
const COMBINED: Shapes = {
  "a.qk.weight": [4, 3],
  "a.qk.bias": [4],
  "a.proj.weight": [3, 2],
  "b.weight": [5],
};

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Makes a checkpoint whose tensors are float32, each 100 bytes after the tensor before it. */
function checkpoint(shapes: Shapes, strides: Readonly<Record<string, number[]>> = {}): Checkpoint {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape], i): [string, TensorEntry] => [
      name,
      {
        ...{ name, shape, dtype: "float32", offset: 100 * i, byteLength: 24 },
        ...(strides[name] && { strides: strides[name] }),
      },
    ]),
  );
  const path = "model.pt";
  const sets = [wholeSet(tensors)];
  return { path, files: [path], format: "pytorch", tensors, sets, metadata: new Map() };
}

Deno.test("fitLayout() gives each layout's tensors the model's names", async () => {
  const own = Object.fromEntries(EXPECTED);
  for (const [layout, shapes] of [own, CORE, COMBINED].entries()) {
    for (const prefix of ["", "module.", "model._orig_mod."]) {
      const file = checkpoint(
        Object.fromEntries(
          Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]),
        ),
      );
      assertEquals(tellLayout(file, EXPECTED, NAMES), layout);
      const { tensors } = await fitLayout(file, EXPECTED, NAMES);
      assertEquals(new Map([...tensors].map(([name, { shape }]) => [name, shape])), EXPECTED);
    }
  }
});

Deno.test("fitLayout() finds the rows of a combined tensor, and keeps the file's name", async () => {
  const rows = async (strides = {}) => {
    const { tensors } = await fitLayout(checkpoint(COMBINED, strides), EXPECTED, NAMES);
    return ["a.to_q.weight", "a.to_k.weight", "a.to_k.bias"].map((name) => tensors.get(name));
  };
  const weight = { name: "a.qk.weight", shape: [2, 3], dtype: "float32", byteLength: 24 };
  const bias = { name: "a.qk.bias", shape: [2], dtype: "float32", offset: 108, byteLength: 8 };
  assertEquals(await rows() as unknown[], [
    { ...weight, offset: 0 },
    { ...weight, offset: 24 },
    bias,
  ]);
  // The rows of a transposed tensor lie beside each other: 2 rows of 3 span 10 elements.
  const strided = { ...weight, strides: [1, 4], byteLength: 40 };
  assertEquals(await rows({ "a.qk.weight": [1, 4] }) as unknown[], [
    { ...strided, offset: 0 },
    { ...strided, offset: 8 },
    bias,
  ]);
});

Deno.test("fitLayout() names misfits in the names of the closest layout", async () => {
  const { "a.proj.weight": _, ...lacking } = CORE;
  const cases: [Shapes, string][] = [
    [lacking, "1 missing (a.proj.weight)"],
    [{ ...CORE, "a.out.0.weight": [3, 2] }, "1 unexpected (a.out.0.weight)"],
    [{ ...lacking, "a.out.0.weight": [3, 2] }, "1 missing (a.proj.weight); 1 unexpected (a.out.0"],
    [{ ...CORE, "a.q.bias": [3] }, '1 misshaped: "a.q.bias" expected [2], got [3]'],
    [{ ...COMBINED, "a.qk.bias": [6] }, '1 misshaped: "a.qk.bias" expected [4], got [6]'],
    [{ ...COMBINED, "a.q.bias": [2] }, "1 unexpected (a.q.bias)"],
    [{ x: [1] }, "6 missing (a.to_q.weight"],
    [{ ...CORE, ...Object.fromEntries(EXPECTED) }, "it holds these weights in several layouts"],
  ];
  for (const [shapes, message] of cases) {
    await assertRejects(
      () => fitLayout(checkpoint(shapes), EXPECTED, NAMES),
      RangeError,
      `Cannot load "model.pt": ${message}`,
    );
  }
});

Deno.test("tellLayout() takes the first of layouts with equal names", () => {
  assertEquals(tellLayout(checkpoint({ "b.weight": [5] }), new Map([["b.weight", [5]]]), NAMES), 0);
});
