import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { ByteFile } from "./byte_file.ts";
import { littleEndian, withFile } from "../../tests/support/torch_file.ts";
import { readSafetensorsHeader } from "./safetensors.ts";
import { sniffFormat } from "./sniff.ts";

function safetensors(
  header: unknown,
  dataBytes: number,
  length?: bigint,
): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  return Uint8Array.from([
    ...littleEndian(length ?? BigInt(json.length), 8),
    ...json,
    ...new Uint8Array(dataBytes),
  ]);
}

async function read(path: string) {
  using file = await ByteFile.open(path);
  return await readSafetensorsHeader(file);
}

function entry(dtype: string, shape: unknown, begin: unknown, end: unknown) {
  return { dtype, shape, data_offsets: [begin, end] };
}

Deno.test("readSafetensorsHeader() finds tensors of every type and the metadata", async () => {
  const types = [
    "F64",
    "I64",
    "F32",
    "I32",
    "F16",
    "BF16",
    "I16",
    "I8",
    "U8",
    "BOOL",
  ];
  const ends = [0, 8, 16, 20, 24, 26, 28, 30, 31, 32, 33];
  const header = {
    __metadata__: { format: "pt" },
    ...Object.fromEntries(types.map((type, index) => [
      `t.${type}`,
      entry(type, [1], ends[index], ends[index + 1]),
    ])),
    empty: entry("F32", [0, 4], 33, 33),
  };
  const content = safetensors(header, 33);
  const { tensors, metadata } = await withFile(content, read);
  assertEquals(metadata, new Map([["format", "pt"]]));
  const start = content.length - 33;
  assertEquals(
    [...tensors.values()].map((
      { name, dtype, offset },
    ) => [name, dtype, offset - start]),
    [
      ["t.F64", "float64", 0],
      ["t.I64", "int64", 8],
      ["t.F32", "float32", 16],
      ["t.I32", "int32", 20],
      ["t.F16", "float16", 24],
      ["t.BF16", "bfloat16", 26],
      ["t.I16", "int16", 28],
      ["t.I8", "int8", 30],
      ["t.U8", "uint8", 31],
      ["t.BOOL", "bool", 32],
      ["empty", "float32", 33],
    ],
  );
});

Deno.test("readSafetensorsHeader() keeps a tensor named __proto__ harmless", async () => {
  const header = '{"__proto__": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}}';
  const { tensors } = await withFile(safetensors(header, 4), read);
  assertEquals([...tensors.keys()], ["__proto__"]);
});

Deno.test("readSafetensorsHeader() refuses a malformed header", async () => {
  const max = Number.MAX_SAFE_INTEGER;
  const whole = entry("F32", [2], 0, 8);
  const cases: [Uint8Array, string][] = [
    [
      Uint8Array.of(1, 2, 3),
      "it is truncated, expected at least 8 bytes, found 3",
    ],
    [
      safetensors({}, 0, 2n ** 60n),
      "claims 1152921504606846976 bytes, the file has 10",
    ],
    [safetensors({}, 0, 3n), "claims 3 bytes, the file has 10"],
    [safetensors({}, 5, 0n), "is not valid JSON"],
    [safetensors("{", 0), "is not valid JSON"],
    [safetensors(" {}", 0), "is not a JSON object"],
    [safetensors("[]", 0), "is not a JSON object"],
    [safetensors("[".repeat(1_000_000), 0), "is not valid JSON"],
    [
      safetensors({ __metadata__: { a: 1 } }, 0),
      "__metadata__ is not an object of strings",
    ],
    [
      safetensors({ a: 1 }, 0),
      'its tensor "a" is not described by a JSON object',
    ],
    [
      safetensors({ a: entry("F8_E4M3", [8], 0, 8) }, 8),
      'has the data type "F8_E4M3", expected',
    ],
    [
      safetensors({ a: { ...whole, dtype: 3 } }, 8),
      "has the data type none, expected one of F32",
    ],
    [safetensors({ a: { ...whole, shape: 2 } }, 8), "has no shape"],
    [
      safetensors({ a: entry("F32", [-2], 0, 8) }, 8),
      "shape that is not of nonnegative integers",
    ],
    [
      safetensors({ a: entry("F32", [0.5], 0, 2) }, 2),
      "shape that is not of nonnegative integers",
    ],
    [
      safetensors({ a: entry("F32", [max, max], 0, 8) }, 8),
      "has the impossible shape",
    ],
    [
      safetensors({ a: entry("F32", Array(9).fill(1), 0, 4) }, 4),
      "has 9 dimensions",
    ],
    [
      safetensors({ a: { ...whole, data_offsets: [0] } }, 8),
      "has no data_offsets",
    ],
    [safetensors({ a: entry("F32", [2], -8, 0) }, 8), "has no data_offsets"],
    [
      safetensors({ a: entry("F32", [2], 8, 0) }, 8),
      "spans bytes 8 to 0, expected 8 bytes",
    ],
    [
      safetensors({ a: entry("F32", [2], 0, 7) }, 8),
      "spans bytes 0 to 7, expected 8 bytes",
    ],
    [
      safetensors({ a: whole }, 7),
      'it is truncated, its tensor "a" ends at byte',
    ],
    [
      safetensors({ a: entry("F32", [2 ** 40], 0, 2 ** 42) }, 8),
      "it is truncated",
    ],
    [
      safetensors({ a: whole, b: entry("F32", [2], 4, 12) }, 12),
      "tensors overlap",
    ],
    [safetensors({ a: whole, b: whole }, 8), "tensors overlap"],
    [
      safetensors({ a: whole, b: entry("F32", [1], 9, 13) }, 13),
      "there is a gap",
    ],
    [safetensors({ a: entry("F32", [1], 4, 8) }, 8), "there is a gap"],
    [safetensors({ a: whole }, 9), "expected the end of the file at"],
    [
      safetensors(
        `{"a": ${JSON.stringify(whole)}, "a": ${JSON.stringify(entry("F32", [2], 8, 16))}}`,
        16,
      ),
      "there is a gap",
    ],
  ];
  for (const [content, message] of cases) {
    await withFile(
      content,
      (path) => assertRejects(() => read(path), SyntaxError, message),
    );
  }
});

Deno.test("sniffFormat() takes a header whose length begins like a pickle for safetensors", async () => {
  const lengths = [2, 3, 4, 5].map((protocol) => 0x80 + protocol * 256);
  for (const length of lengths) {
    const json = JSON.stringify({ a: entry("U8", [1], 0, 1) }).padEnd(length);
    assertEquals(await withFile(safetensors(json, 1), sniff), "safetensors");
  }
  // A pickle's ninth byte may be "{" too, but its first eight bytes are no length within the file.
  const pickle = new TextEncoder().encode("_\x02______{" + " ".repeat(32));
  pickle[0] = 0x80;
  await assertRejects(() => withFile(pickle, sniff), SyntaxError, "it is a bare pickle");
});

async function sniff(path: string) {
  using file = await ByteFile.open(path);
  return await sniffFormat(file);
}
