import { assert, assertThrows } from "@std/assert";
import { checkTensors } from "./check_tensors.ts";
import type { Checkpoint } from "./checkpoint.ts";

function checkpoint(shapes: Record<string, number[]>): Checkpoint {
  const tensors = Object.entries(shapes).map(([name, shape]) =>
    [name, { name, shape, dtype: "float32", offset: 0, byteLength: 0 }] as const
  );
  return {
    path: "diffusion_model.pth",
    format: "pytorch",
    tensors: new Map(tensors),
    metadata: new Map(),
  };
}

Deno.test("checkTensors() accepts an exact match", () => {
  checkTensors(
    checkpoint({ a: [2, 3], b: [] }),
    new Map([["a", [2, 3]], ["b", []]]),
  );
});

Deno.test("checkTensors() lists everything missing, unexpected and misshaped at once", () => {
  assertThrows(
    () =>
      checkTensors(
        checkpoint({ c: [1], "conv_in.conv.weight": [64, 3, 3, 3] }),
        new Map([["a", [1]], ["b", [1]], ["conv_in.conv.weight", [
          32,
          3,
          3,
          3,
        ]]]),
      ),
    RangeError,
    'Cannot load "diffusion_model.pth": 2 missing (a, b); 1 unexpected (c);' +
      ' 1 misshaped: "conv_in.conv.weight" expected [32,3,3,3], got [64,3,3,3]',
  );
});

Deno.test("checkTensors() tells shapes of other lengths apart", () => {
  for (const shape of [[], [2], [2, 3, 1]]) {
    assertThrows(
      () => checkTensors(checkpoint({ a: shape }), new Map([["a", [2, 3]]])),
      RangeError,
      `"a" expected [2,3], got [${shape}]`,
    );
  }
});

Deno.test("checkTensors() passes over unexpected tensors only where told to", () => {
  const file = checkpoint({ a: [1], "vision_model.x": [1], other: [1] });
  const ignore = (name: string) => name.startsWith("vision_model.");
  assertThrows(
    () => checkTensors(file, new Map([["a", [1]]]), { ignore }),
    RangeError,
    "1 unexpected (other)",
  );
  assertThrows(
    () =>
      checkTensors(file, new Map([["vision_model.y", [1]]]), {
        ignore: () => true,
      }),
    RangeError,
    "1 missing (vision_model.y)",
  );
});

Deno.test("checkTensors() stays a line however long the names are", () => {
  const tensors = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => ["\x1b".repeat(500) + i, Array(8).fill(2 ** 52)]),
  );
  const expected = new Map(Object.keys(tensors).slice(0, 4).map((name) => [name, [1]]));
  const error = assertThrows(() => checkTensors(checkpoint(tensors), expected), RangeError);
  assert(error.message.length < 900, error.message);
  assert(error.message.includes("5 unexpected (\\u001b"), error.message);
});

Deno.test("checkTensors() keeps long lists short and names printable", () => {
  const names = Array.from({ length: 11 }, (_, index) => `t${index}`);
  assertThrows(
    () => checkTensors(checkpoint({}), new Map(names.map((name) => [name, [1]]))),
    RangeError,
    "11 missing (t0, t1, t2, t3, t4, t5, t6, t7, and 3 more)",
  );
  assertThrows(
    () => checkTensors(checkpoint({ "a\x1b\n": [1] }), new Map()),
    RangeError,
    "1 unexpected (a\\u001b\\n)",
  );
});
