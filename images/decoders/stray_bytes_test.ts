import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { deflateSync } from "node:zlib";
import { chunk, END, SIGNATURE } from "../../tests/fuzz/image_targets.ts";
import { big, join } from "../../tests/fuzz/mutate.ts";
import { decodeImage } from "../../pipeline/decode.ts";
import { IMAGE_FILES } from "../../tests/support/image_files.ts";

const JPEGS = ["JPEG of grey", "JPEG of colour", "JPEG of colour, progressive"]
  .map((name) => IMAGE_FILES[name]!);

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Returns the offsets of a JPEG's segments before its first scan. */
function segments(jpeg: Uint8Array): number[] {
  const starts = [2];
  while (jpeg[starts.at(-1)! + 1] !== 0xda) {
    const at = starts.at(-1)!;
    starts.push(at + 2 + jpeg[at + 2]! * 256 + jpeg[at + 3]!);
  }
  return starts;
}

const insert = (file: Uint8Array, at: number, bytes: ArrayLike<number>) =>
  concat([file.subarray(0, at), Uint8Array.from(bytes), file.subarray(at)]);

Deno.test("decodeImage() skips stray bytes between the segments of a JPEG, like libjpeg", async () => {
  const strays = {
    "a word": utf8("hello"),
    "zeros": [0, 0, 0, 0],
    "fill bytes": [255, 255, 255],
    "escaped bytes": [97, 255, 0, 98],
    "a restart marker": [0xff, 0xd0],
    "a segment that says it has no length": [0xff, 0xe5, 0, 0],
    "a segment that says it is shorter": [0xff, 0xe1, 0, 8, ...utf8("Exif\0\0 and more")],
    "a comment that holds markers": [0xff, 0xfe, 0, 6, 0xff, 0xd8, 0xff, 0xd9],
    "conditions of arithmetic coding": [0xff, 0xcc, 0, 4, 0, 16],
  };
  for (const jpeg of JPEGS) {
    const expected = await decodeImage(jpeg);
    for (const [what, bytes] of Object.entries(strays)) {
      for (const at of segments(jpeg)) {
        assertEquals(await decodeImage(insert(jpeg, at, bytes)), expected, `${what} at ${at}`);
      }
    }
  }
});

Deno.test("decodeImage() reads the JPEG of the shared case", async () => {
  const folder = new URL("../../../shared/cases/jpeg-stray-bytes/", import.meta.url);
  const { data, width, height } = await decodeImage(
    new URL("junk-between-segments.jpg", folder).pathname,
  );
  assertEquals([width, height], [32, 24]);
  // Pillow 13.0 decodes the first row to these values.
  assertEquals([...data.subarray(0, 8)], [0, 0, 0, 0, 5, 5, 5, 5]);
});

Deno.test("decodeImage() skips stray bytes between the scans of a JPEG, or after its end", async () => {
  for (const jpeg of JPEGS) {
    const expected = await decodeImage(jpeg);
    const after = {
      "zeros": new Uint8Array(3000),
      "another picture": jpeg,
      "starts and ends": utf8("SEFT \xff\xd8\xff\xd9 \xff\xda"),
      "a hundred scans": Array(101).fill([0xff, 0xda]).flat(),
    };
    for (const [what, bytes] of Object.entries(after)) {
      assertEquals(await decodeImage(insert(jpeg, jpeg.length, bytes)), expected, what);
    }
    const between = [[0xff, 0xff], utf8("hello"), [0xff, 0xfe, 0, 4, 1, 2], [0, 255, 0]];
    for (const bytes of between) {
      assertEquals(await decodeImage(insert(jpeg, jpeg.length - 2, bytes)), expected);
    }
    const fill = segments(jpeg).at(-1)! + 30;
    const ff = jpeg.indexOf(0xff, fill);
    assertEquals(await decodeImage(insert(jpeg, ff, [255, 255])), expected);
  }
});

Deno.test("decodeImage() reads a JPEG without its end if its pixels are whole, and no other", async () => {
  for (const jpeg of JPEGS) {
    const expected = await decodeImage(jpeg);
    for (const tail of [[], [255], [0, 0, 0], utf8("trailer"), jpeg]) {
      const whole = insert(jpeg.subarray(0, -2), jpeg.length - 2, tail);
      assertEquals(await decodeImage(whole), expected);
      for (const missing of [1, 2, 9]) {
        const at = jpeg.length - 2 - missing;
        // The decoder would take text for the missing bits.
        if (tail.length === 7) continue;
        const cut = insert(jpeg.subarray(0, at), at, tail);
        await assertRejects(() => decodeImage(cut), SyntaxError, "truncated or corrupt");
      }
    }
  }
  const progressive = JPEGS[2]!;
  const lastScan = progressive.findLastIndex((byte, i) =>
    byte === 0xff && progressive[i + 1] === 0xda
  );
  const lacking = progressive.subarray(0, lastScan);
  await assertRejects(() => decodeImage(lacking), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeImage() says so of a JPEG that its decoder does not know", async () => {
  const jpeg = JPEGS[0]!;
  const frame = segments(jpeg).find((at) => jpeg[at + 1] === 0xc0)!;
  const cases = [
    [frame + 1, 0xc9, "an arithmetic-coded JPEG"],
    [frame + 4, 12, "a JPEG of 12 bits a value"],
    [frame + 1, 0xc5, "a hierarchical JPEG"],
  ] as const;
  for (const [at, byte, what] of cases) {
    const message = `the image: ${what} is not supported`;
    await assertRejects(() => decodeImage(jpeg.with(at, byte)), TypeError, message);
  }
});

Deno.test("decodeImage() says where an image begins that other bytes precede", async () => {
  for (const [format, file] of [["JPEG", JPEGS[0]!], ["PNG", png(8, 0, ROWS)]] as const) {
    await assertRejects(
      () => decodeImage(join(utf8("\r\n"), file)),
      SyntaxError,
      `its ${format} begins after 2 bytes of something else`,
    );
  }
});

/** Two rows of two values each, with 8 bits and with 16 bits per value. */
const ROWS = Uint8Array.of(0, 10, 90, 0, 70, 30);
const DEEP_ROWS = Uint8Array.of(0, 10, 0, 90, 0, 0, 70, 0, 30, 0);

const header = (depth: number, type: number, side = 2, interlace = 0) =>
  chunk("IHDR", [...big(side, 4), ...big(side, 4), depth, type, 0, 0, interlace]);

/** Builds a PNG from parts that may be unusual. */
function png(
  depth: number,
  type: number,
  rows: Uint8Array,
  { before = [], data = (z) => [chunk("IDAT", z)], end = END }: {
    readonly before?: readonly Uint8Array[];
    readonly data?: (zlib: Uint8Array) => readonly Uint8Array[];
    readonly end?: Uint8Array;
  } = {},
): Uint8Array<ArrayBuffer> {
  return join(SIGNATURE, header(depth, type), ...before, ...data(deflateSync(rows)), end);
}

Deno.test("decodeImage() reads a PNG whose pixels are whole, of 8 bits and of 16 alike", async () => {
  const none = new Uint8Array(0);
  const text = chunk("tEXt", utf8("a\0b"));
  const broken = text.with(text.length - 1, text.at(-1)! ^ 1);
  const idat = (...parts: ArrayLike<number>[]) => chunk("IDAT", join(...parts));
  const cases: Record<string, Parameters<typeof png>[3]> = {
    "as it should be": {},
    "bytes after its end": { end: join(END, utf8("trailer")) },
    "another PNG after its end": { end: join(END, png(8, 0, ROWS)) },
    "a broken comment": { before: [broken] },
    "a broken comment after its pixels": { end: join(broken, END) },
    "a broken end": { end: END.with(11, 0) },
    "no end": { end: none },
    "half an end": { end: END.subarray(0, 6) },
    "half a comment at its end": { end: text.subarray(0, 13) },
    "a comment that says it is longer": { end: join(big(99999, 4), text.subarray(4), END) },
    "bytes after its pixels": { end: join(utf8("junk junk junk"), END) },
    "empty parts": { data: (z) => [idat(), idat(z.subarray(0, 3)), idat(), idat(z.subarray(3))] },
    "a comment between its parts": {
      data: (z) => [idat(z.subarray(0, 3)), text, idat(z.subarray(3))],
    },
    "bytes after its zlib stream": { data: (z) => [idat(z, utf8("extra"))] },
    "a part after its zlib stream": { data: (z) => [idat(z), idat(utf8("extra"))] },
    "no checksum of its zlib stream": { data: (z) => [idat(z.subarray(0, -4))] },
    "half a checksum of it": { data: (z) => [idat(z.subarray(0, -2))] },
    "a wrong checksum of a part": { data: (z) => [idat(z).fill(1, -4)] },
    "a part that ends past the file": {
      data: (z) => [join(big(500, 4), idat(z).subarray(4))],
      end: none,
    },
  };
  for (const [what, parts] of Object.entries(cases)) {
    const gray = { width: 2, height: 2, data: Uint8Array.of(10, 90, 70, 30) };
    assertEquals(await decodeImage(png(8, 0, ROWS, parts)), gray, what);
    // The 16-bit values 2560, 23040, 17920 and 7680 are spread to 0..255.
    const spread = { width: 2, height: 2, data: Uint8Array.of(0, 255, 191, 63) };
    assertEquals(await decodeImage(png(16, 0, DEEP_ROWS, parts)), spread, `${what}, 16 bits`);
  }
  const more = [ROWS, DEEP_ROWS].map((rows) => join(rows, new Uint8Array(2 ** 19)));
  assertEquals((await decodeImage(png(8, 0, more[0]!))).data[3], 30);
  assertEquals((await decodeImage(png(16, 0, more[1]!))).data[3], 63);
});

Deno.test("decodeImage() reads a PNG of any kind without its end, like imagescript", async () => {
  for (const [what, file] of Object.entries(IMAGE_FILES)) {
    if (!what.startsWith("PNG")) continue;
    assertEquals(await decodeImage(file.subarray(0, -12)), await decodeImage(file), what);
  }
});

Deno.test("decodeImage() refuses a PNG whose pixels are not whole, of 8 bits and of 16 alike", async () => {
  const short = { data: (z: Uint8Array) => [chunk("IDAT", z.subarray(0, -7))] };
  const cases: Record<string, Parameters<typeof png>[3]> = {
    "lacking pixels": short,
    "lacking pixels and its end": { ...short, end: new Uint8Array(0) },
    "two wrong checksums": {
      data: (z) => [chunk("IDAT", z.with(z.length - 1, 0)).with(-1 + 12 + z.length, 0)],
    },
    "a checksum that is another": { data: (z) => [chunk("IDAT", z.with(z.length - 1, 0))] },
    "a part that must be known": { before: [chunk("ABCD", [1])] },
    "a broken colour that is nothing": {
      before: [chunk("tRNS", [0, 0]).fill(0, -4)],
      end: new Uint8Array(0),
    },
  };
  for (const [what, parts] of Object.entries(cases)) {
    for (const file of [png(8, 0, ROWS, parts), png(16, 0, DEEP_ROWS, parts)]) {
      await assertRejects(() => decodeImage(file), SyntaxError, "truncated or corrupt", what);
    }
  }
});
