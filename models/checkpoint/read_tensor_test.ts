import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { openCheckpoint } from "./checkpoint.ts";
import { dict, pickle, tensor, torchZip, withFile } from "../../tests/support/torch_file.ts";
import { readRow, readRows, readTensor } from "./read_tensor.ts";

type Storage = Parameters<typeof torchZip>[1];

async function roundTrip(type: string, storage: Storage) {
  const count = storage.length;
  const view = tensor({ type, count, shape: [count], strides: [1] });
  const content = await torchZip(pickle(dict([["t", view]])), storage);
  return await withFile(content, async (path) => {
    const checkpoint = await openCheckpoint(path);
    return await readTensor(checkpoint, "t");
  });
}

Deno.test("readTensor() reads float32 as it is", async () => {
  const values = Float32Array.of(
    0,
    -0,
    1.5,
    NaN,
    Infinity,
    -Infinity,
    2 ** -149,
  );
  assertEquals(await roundTrip("FloatStorage", values), values);
});

Deno.test("readTensor() converts float16 exactly", async () => {
  // IEEE 754 binary16: 1, -2, largest, smallest normal, largest and smallest subnormal, zeros.
  const bits = [
    0x3c00,
    0xc000,
    0x7bff,
    0x0400,
    0x03ff,
    0x0001,
    0x8001,
    0,
    0x8000,
  ];
  const found = await roundTrip(
    "HalfStorage",
    Uint16Array.of(...bits, 0x7c00, 0xfc00, 0x7e00),
  );
  const finite = [
    1,
    -2,
    65504,
    2 ** -14,
    1023 * 2 ** -24,
    2 ** -24,
    -(2 ** -24),
    0,
    -0,
  ];
  assertEquals(found, Float32Array.of(...finite, Infinity, -Infinity, NaN));
});

Deno.test("readTensor() converts bfloat16 exactly", async () => {
  // The upper half of a float32: 1, -2, largest, smallest normal and subnormal, zeros.
  const bits = [0x3f80, 0xc000, 0x7f7f, 0x0080, 0x0001, 0x8001, 0, 0x8000];
  const found = await roundTrip(
    "BFloat16Storage",
    Uint16Array.of(...bits, 0x7f80, 0xff80, 0x7fc0),
  );
  const finite = [
    1,
    -2,
    255 * 2 ** 120,
    2 ** -126,
    2 ** -133,
    -(2 ** -133),
    0,
    -0,
  ];
  assertEquals(found, Float32Array.of(...finite, Infinity, -Infinity, NaN));
});

Deno.test("readTensor() rounds float64", async () => {
  const found = await roundTrip(
    "DoubleStorage",
    Float64Array.of(0.1, 1e300, -0, NaN),
  );
  assertEquals(found, Float32Array.of(0.1, Infinity, -0, NaN));
});

Deno.test("readTensor() reads tensors of several chunks", async () => {
  const values = Float32Array.from(
    { length: 2 ** 20 + 3 },
    (_, index) => index,
  );
  assertEquals(await roundTrip("FloatStorage", values), values);
  const found = await roundTrip(
    "HalfStorage",
    new Uint16Array(2 ** 20 + 1).fill(0x3c00),
  );
  assertEquals(found.length, 2 ** 20 + 1);
  assertEquals(found.at(-1), 1);
});

Deno.test("readTensor() applies strides to shared storages", async () => {
  const views: [string, number, number[], number[], number[]][] = [
    ["whole", 0, [2, 3], [3, 1], [0, 1, 2, 3, 4, 5]],
    ["transposed", 0, [3, 2], [1, 3], [0, 3, 1, 4, 2, 5]],
    ["column", 1, [2, 1], [3, 1], [1, 4]],
    ["expanded", 4, [2, 2], [0, 1], [4, 5, 4, 5]],
    ["cube", 0, [3, 1, 2], [1, 9, 3], [0, 3, 1, 4, 2, 5]],
    ["scalar", 5, [], [], [5]],
    ["none", 0, [0, 3], [3, 1], []],
  ];
  const state = dict(views.map(([name, start, shape, strides]) => [
    name,
    tensor({ count: 6, start, shape, strides }),
  ]));
  const content = await torchZip(
    pickle(state),
    Float32Array.of(0, 1, 2, 3, 4, 5),
  );
  await withFile(content, async (path) => {
    const checkpoint = await openCheckpoint(path);
    for (const [name, , , , expected] of views) {
      assertEquals(
        await readTensor(checkpoint, name),
        Float32Array.from(expected),
      );
    }
  });
});

Deno.test("readRow() and readRows() read indices of the first axis, whatever the strides", async () => {
  const views: [string, number, number[], number[], number[][]][] = [
    ["whole", 0, [2, 3], [3, 1], [[0, 1, 2], [3, 4, 5]]],
    ["transposed", 0, [3, 2], [1, 3], [[0, 3], [1, 4], [2, 5]]],
    ["expanded", 4, [2, 2], [0, 1], [[4, 5], [4, 5]]],
    ["numbers", 1, [3], [2], [[1], [3], [5]]],
    ["cube", 0, [2, 1, 3], [3, 3, 1], [[0, 1, 2], [3, 4, 5]]],
  ];
  const state = dict(views.map(([name, start, shape, strides]) => [
    name,
    tensor({ count: 6, start, shape, strides }),
  ]));
  const content = await torchZip(pickle(state), Float32Array.of(0, 1, 2, 3, 4, 5));
  await withFile(content, async (path) => {
    const checkpoint = await openCheckpoint(path);
    for (const [name, , , , rows] of views) {
      for (const [row, expected] of rows.entries()) {
        assertEquals(await readRow(checkpoint, name, row), Float32Array.from(expected));
      }
      for (const row of [-1, rows.length, 0.5]) {
        await assertRejects(() => readRow(checkpoint, name, row), RangeError, "rows");
      }
    }
    const [first, second] = [[0, 1, 2], [3, 4, 5]];
    assertEquals(
      await readRows(checkpoint, "whole", [1, 0, 1]),
      Float32Array.of(...second!, ...first!, ...second!),
    );
  });
});

Deno.test("readTensor() names a tensor that is not there, of another type, or cut off", async () => {
  const state = dict([
    ["f", tensor({ count: 4, shape: [4], strides: [1] })],
    [
      "i",
      tensor({
        key: "1",
        type: "LongStorage",
        count: 1,
        shape: [1],
        strides: [1],
      }),
    ],
  ]);
  const content = await torchZip(
    pickle(state),
    new Float32Array(4),
    BigInt64Array.of(1n),
  );
  await withFile(content, async (path) => {
    const checkpoint = await openCheckpoint(path);
    await assertRejects(
      () => readTensor(checkpoint, "g"),
      RangeError,
      `Cannot read tensor "g" of "${path}": there is no such tensor`,
    );
    await assertRejects(
      () => readTensor(checkpoint, "i"),
      TypeError,
      "a floating-point type",
    );
    await Deno.truncate(path, checkpoint.tensors.get("f")!.offset + 4);
    await assertRejects(
      () => readTensor(checkpoint, "f"),
      SyntaxError,
      "it is truncated",
    );
  });
});
