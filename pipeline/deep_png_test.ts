import "../host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { deflateSync } from "node:zlib";
import { chunk, END, SIGNATURE } from "../tests/fuzz/image_targets.ts";
import { big, join } from "../tests/fuzz/mutate.ts";
import { decodeImage } from "./decode.ts";

/** Rows of 16-bit values as a PNG of colour type 0 (grey) or 2 (RGB). */
function deepPng(type: 0 | 2, rows: readonly number[][], interlace = 0): Uint8Array {
  const width = rows[0]!.length / (type === 0 ? 1 : 3);
  const header = [...big(width, 4), ...big(rows.length, 4), 16, type, 0, 0, interlace];
  const lines = rows.map((row) => join([0], ...row.map((value) => big(value, 2))));
  return join(
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(join(...lines))),
    END,
  );
}

Deno.test("decodeImage() spreads the values of a 16-bit PNG, grey or RGB", async () => {
  const gray = await decodeImage(deepPng(0, [[100, 1120, 2140], [2650, 610, 4180]]));
  assertEquals(gray, { data: Uint8Array.of(0, 63, 127, 159, 31, 255), width: 3, height: 2 });
  const color = await decodeImage(deepPng(2, [[0, 7, 65535, 30000, 7, 0, 60000, 7, 0]]));
  assertEquals([...color.data], [0, 127, 255]);
});

Deno.test("decodeImage() refuses a 16-bit PNG that is corrupt or interlaced", async () => {
  const file = deepPng(0, [[1, 2, 3]]);
  file[file.length - 20]! ^= 255;
  await assertRejects(() => decodeImage(file), SyntaxError, "truncated or corrupt");
  const interlaced = deepPng(0, [[1, 2, 3]], 1);
  await assertRejects(() => decodeImage(interlaced), TypeError, "an interlaced PNG of 16 bits");
});
