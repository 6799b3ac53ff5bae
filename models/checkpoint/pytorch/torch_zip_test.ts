import "../../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ByteFile } from "../byte_file.ts";
import {
  dict,
  pickle,
  tensor,
  torchZip,
  withFile,
  zip,
} from "../../../tests/support/torch_file.ts";
import { readTorchZip } from "./torch_zip.ts";

const PICKLE = pickle(dict([
  ["a", tensor({ count: 6, shape: [2, 3], strides: [3, 1] })],
  ["b", tensor({ count: 6, start: 2, shape: [2, 2], strides: [1, 2] })],
  [
    "c",
    tensor({
      type: "LongStorage",
      key: "1",
      count: 2,
      shape: [2],
      strides: [1],
    }),
  ],
]));
const FLOATS = Float32Array.of(0, 1, 2, 3, 4, 5);
const LONGS = BigInt64Array.of(7n, 8n);

async function read(path: string) {
  using file = await ByteFile.open(path);
  return await (await readTorchZip(file)).sets[0]!.locate();
}

async function assertRefused(content: Uint8Array, message: string) {
  await withFile(
    content,
    (path) => assertRejects(() => read(path), SyntaxError, message),
  );
}

Deno.test("readTorchZip() finds the data of each tensor in the file", async () => {
  const content = await torchZip(PICKLE, FLOATS, LONGS);
  const tensors = await withFile(content, read);
  const { buffer } = content;
  const { offset, byteLength } = tensors.get("a")!;
  assertEquals(
    new Float32Array(buffer.slice(offset, offset + byteLength)),
    FLOATS,
  );
  const b = tensors.get("b")!;
  assertEquals([b.offset, b.byteLength, b.strides], [offset + 8, 16, [1, 2]]);
  const c = tensors.get("c")!;
  assertEquals(
    new BigInt64Array(buffer.slice(c.offset, c.offset + c.byteLength)),
    LONGS,
  );
  assertEquals([c.dtype, c.shape, c.strides], ["int64", [2], undefined]);
});

Deno.test("readTorchZip() takes any folder name, and none", async () => {
  for (const prefix of ["", "archive/", "größe & co/"]) {
    const content = await zip([
      [`${prefix}data.pkl`, PICKLE],
      [`${prefix}data/0`, new Uint8Array(24)],
      [`${prefix}data/1`, new Uint8Array(17)],
    ]);
    assertEquals([...(await withFile(content, read)).keys()], ["a", "b", "c"]);
  }
});

Deno.test("readTorchZip() refuses an archive that torch.save would not write", async () => {
  const bytes = new Uint8Array(24);
  await assertRefused(
    await zip([["a/b.txt", bytes]]),
    "0 entries named data.pkl, expected 1",
  );
  await assertRefused(
    await zip([["a/data.pkl", PICKLE], ["b/data.pkl", PICKLE]]),
    "2 entries named data.pkl, expected 1",
  );
  await assertRefused(
    await zip([["a/data.pkl", PICKLE], ["a/data/0", bytes]]),
    'its tensor "c" needs the entry "a/data/1", which is missing',
  );
  await assertRefused(
    await zip([["a/data.pkl", PICKLE], ["a/data/0", bytes.subarray(1)]]),
    'its entry "a/data/0" has 23 bytes, expected 24',
  );
  await assertRefused(
    await zip([["a/data.pkl", PICKLE], [
      "a/byteorder",
      new TextEncoder().encode("big"),
    ]]),
    'its numbers are stored in "big" byte order, only "little" is read',
  );
});

Deno.test("readTorchZip() refuses compressed entries, whatever they would grow to", async () => {
  const bomb = await zip([["a/data.pkl", new Uint8Array(80 * 2 ** 20), 9]]);
  assert(bomb.length < 2 ** 20);
  await assertRefused(
    bomb,
    "its data.pkl has 83886080 bytes, at most 67108864 are read",
  );
  await assertRefused(
    await zip([["a/data.pkl", new Uint8Array(9999), 9]]),
    'its entry "a/data.pkl" is compressed',
  );
  await assertRefused(
    await zip([["a/data.pkl", PICKLE], ["a/data/0", new Uint8Array(9999), 9]]),
    'its entry "a/data/0" is compressed',
  );
});

Deno.test("readTorchZip() refuses an archive cut anywhere", async () => {
  const content = await torchZip(PICKLE, FLOATS, LONGS);
  const step = Math.ceil(content.length / 100);
  for (let length = 4; length < content.length; length += step) {
    await withFile(
      content.subarray(0, length),
      (path) => assertRejects(() => read(path), SyntaxError),
    );
  }
  await assertRefused(
    content.subarray(0, content.length / 2),
    "it is truncated or not a zip (End of central directory not found)",
  );
});

Deno.test("readTorchZip() throws nothing but a SyntaxError on damaged bytes", async () => {
  const content = await torchZip(PICKLE, FLOATS, LONGS);
  const path = await Deno.makeTempFile();
  try {
    for (let position = 0; position < content.length; position += 3) {
      const damaged = content.slice();
      damaged[position]! ^= 0xff;
      await Deno.writeFile(path, damaged);
      try {
        for (const { offset, byteLength } of (await read(path)).values()) {
          assert(offset >= 0 && offset + byteLength <= content.length);
        }
      } catch (error) {
        assert(error instanceof SyntaxError, `byte ${position}: ${error}`);
      }
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readTorchZip() refuses an entry that begins before the file does", async () => {
  const content = await torchZip(PICKLE, FLOATS, LONGS);
  const view = new DataView(content.buffer);
  const end = content.length - 6;
  const directory = view.getUint32(end, true);
  // The end record places the directory 9 bytes too late, so a reader subtracts 9 from every
  // offset. The first entry's offset becomes -8.
  for (let at = directory; view.getUint32(at, true) === 0x02014b50;) {
    view.setUint32(at + 42, at === directory ? 1 : view.getUint32(at + 42, true) + 9, true);
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true);
  }
  view.setUint32(end, directory + 9, true);
  await assertRefused(content, "it is damaged, it points at byte -8");
});

Deno.test("readTorchZip() refuses a pickle cut anywhere", async () => {
  for (let length = 0; length < PICKLE.length; length += 7) {
    const content = await torchZip(PICKLE.slice(0, length), FLOATS, LONGS);
    await assertRefused(content, "its pickle");
  }
});
