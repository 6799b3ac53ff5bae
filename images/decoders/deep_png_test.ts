import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { deflateSync } from "node:zlib";
import { PNG } from "pngjs";
import { chunk, END, SIGNATURE } from "../../tests/fuzz/image_targets.ts";
import { big, join } from "../../tests/fuzz/mutate.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { grayLevels } from "../gray_levels.ts";

const header = (type: number, width: number, height: number, interlace = 0) =>
  chunk("IHDR", [...big(width, 4), ...big(height, 4), 16, type, 0, 0, interlace]);

/** Builds a 16-bit PNG of colour type 0 (grey) or 2 (RGB) from rows of values. */
function deepPng(
  type: 0 | 2,
  rows: readonly number[][],
  { interlace = 0, extra = [] }: { interlace?: number; extra?: Uint8Array[] } = {},
): Uint8Array {
  const width = rows[0]!.length / (type === 0 ? 1 : 3);
  const lines = rows.map((row) => join([0], ...row.map((value) => big(value, 2))));
  return join(
    SIGNATURE,
    header(type, width, rows.length, interlace),
    ...extra,
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

Deno.test("decodeImage() reads 16-bit PNGs like pngjs, with every filter and kind of pixel", async () => {
  const [width, height] = [19, 11];
  const pixels = Uint16Array.from({ length: 4 * width * height }, (_, i) => i * i * 7919 >> i % 5);
  for (const colorType of [0, 2, 4, 6] as const) {
    for (const filterType of [0, 1, 2, 3, 4]) {
      const data = Buffer.from(pixels.buffer);
      const options = { bitDepth: 16 as const, colorType, filterType, inputHasAlpha: true };
      const file = PNG.sync.write({ width, height, data } as PNG, options);
      const read = PNG.sync.read(file, { skipRescale: true }).data as unknown as Uint16Array;
      const first = Uint16Array.from({ length: width * height }, (_, i) => read[4 * i]!);
      const expected = { data: grayLevels(first, { bits: 16 }).data, width, height };
      assertEquals(await decodeImage(new Uint8Array(file)), expected, `${colorType} ${filterType}`);
    }
  }
});

Deno.test("decodeImage() makes the transparent colour of a 16-bit PNG black", async () => {
  const gray = [[1000, 3000, 2000, 3000]];
  const grayKey = { extra: [chunk("tRNS", big(3000, 2))] };
  assertEquals([...(await decodeImage(deepPng(0, gray, grayKey))).data], [127, 0, 255, 0]);
  const color = [[1000, 1, 2, 3000, 1, 2, 3000, 1, 3]];
  const colorKey = { extra: [chunk("tRNS", [3000, 1, 2].flatMap((value) => big(value, 2)))] };
  assertEquals([...(await decodeImage(deepPng(2, color, colorKey))).data], [85, 0, 255]);
});

Deno.test("decodeImage() refuses a 16-bit PNG that is corrupt or interlaced", async () => {
  const whole = deflateSync(Uint8Array.of(0, 1, 2, 3, 4, 0, 5, 6, 7, 8));
  const file = (data: Uint8Array, first = header(0, 2, 2), more: Uint8Array = new Uint8Array()) =>
    join(SIGNATURE, first, more, chunk("IDAT", data), END);
  assertEquals((await decodeImage(file(whole))).data.length, 4);
  const flipped = file(whole);
  flipped[flipped.length - 20]! ^= 255;
  const cases: Record<string, Uint8Array> = {
    "another byte": flipped,
    "no pixels": file(new Uint8Array()),
    "half its pixels": file(whole.subarray(0, whole.length / 2)),
    "pixels with another checksum": file(join(whole.subarray(0, -1), [whole.at(-1)! ^ 1])),
    "a pixel less": file(deflateSync(new Uint8Array(8))),
    "16 MiB of pixels": file(deflateSync(new Uint8Array(2 ** 24))),
    "an unknown filter": file(deflateSync(new Uint8Array(10).fill(5))),
    "no width": file(deflateSync(new Uint8Array(2)), header(0, 0, 2)),
    "a palette": file(whole, header(3, 2, 2), chunk("PLTE", new Uint8Array(768))),
    "two headers": file(whole, header(0, 2, 2), header(0, 2, 2)),
    "an unknown part that must be known": file(whole, header(0, 2, 2), chunk("ABCD", [1])),
    "half a colour": file(whole, header(0, 2, 2), chunk("tRNS", [1])),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    await assertRejects(() => decodeImage(bytes), SyntaxError, "truncated or corrupt", what);
  }
  const interlaced = deepPng(0, [[1, 2, 3]], { interlace: 1 });
  await assertRejects(() => decodeImage(interlaced), TypeError, "an interlaced PNG of 16 bits");
});
