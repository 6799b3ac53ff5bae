import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { deflateSync } from "node:zlib";
import { boundsOf, filledBox, maskOf, regionArea, regionOf } from "../../base/region.ts";
import { Random } from "../../base/random.ts";
import type { TruthMask } from "../../base/truth_mask.ts";
import { PNG_SIGNATURE, pngChunk } from "../../images/decoders/png_chunks.ts";
import { encodeRle } from "../../reports/exports/rle.ts";
import { readRegion } from "./read_region.ts";
import polygons from "./fixtures/polygons.json" with { type: "json" };

/** Encodes a PNG of 8 bits per channel; a row-major `[height, width, channels]` array. */
function png(width: number, height: number, colorType: number, bytes: number[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint16(8, 8 << 8 | colorType);
  const length = bytes.length / height;
  const rows = Array.from({ length: height }, (_, y) => [
    ...[0, ...bytes.slice(y * length, (y + 1) * length)],
  ]);
  const parts = [
    PNG_SIGNATURE,
    pngChunk("IHDR", new Uint8Array(header.buffer)),
    pngChunk("IDAT", new Uint8Array(deflateSync(Uint8Array.from(rows.flat())))),
    pngChunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Pictures of 5x4 pixels of other kinds, with their masks as NumPy computes them. */
const KINDS = {
  "gray1 plain interlaced": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEAQAAAAEZT/h7AAAAEUlEQVR4nGNgAIMDDA1g+gQACxgCCVEUCzIAAAAASUVORK5CYII=",
    "01000000001010011001",
  ],
  "gray4 trns": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEBAAAAACmqEedAAAAAnRSTlMABp/waA0AAAAYSURBVHicY8gqYGBg2OLAUMDCwMDJoAAAGRECbMnOM9sAAAAASUVORK5CYII=",
    "01111111111111111111",
  ],
  "gray16 plain": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEEAAAAAAzyHbfAAAAJElEQVR4nGNgOMoAApYMvxnuXGMITWFjgICDViAy3B7CEwURAK6kBhG4zbGEAAAAAElFTkSuQmCC",
    "10011111000100100100",
  ],
  "pal4 trns interlaced": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEBAMAAAHDGtjlAAAAMFBMVEUAAABYXwqsvWXfcXzKFCjeLOzEGevRKhQPsdFlkRU/vAwKjRMoveYi5/i8SPsdTpmhqPrfAAAAAnRSTlMA/1uRIrUAAAAcSURBVHicY2AAggMM1xkYHBjWM2xjZGBoZ2AAACdTA8XrLWUJAAAAAElFTkSuQmCC",
    "01100110101111011000",
  ],
  "rgb16 trns": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEEAIAAACZwb5UAAAABnRSTlM4Ulh1AEdwZ0c/AAAAOElEQVR4nGOwCIooZXBnwABHnzIs+LsUyhF5bH0h+RmmIlRQFyfHIMYQxLCQYSpuRWwMy6ckQJgAy6kND/958VcAAAAASUVORK5CYII=",
    "01111111111111111111",
  ],
  "ga16 clear": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAEEAQAAAC8quGIAAAAPElEQVR4nGNYrDErXo3tdScDFExQLWFiWCWgugwm4FTOMIGBjWE/AxwwMuQyoAAvhjaG32rXGJYxTARxAUj4DI857v25AAAAAElFTkSuQmCC",
    "11001100110010001110",
  ],
  "rgba8 plain interlaced": [
    "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAECAYAAAExNMXWAAAAP0lEQVR4nGNg1JD4zwAEUGLFVCkQ63/SVs3/DN/Zxf9PELaHy/9nsO8p/v/kYxKYE/Ln/H+ERiBe2vwFJvAfAD34IGxQ3iexAAAAAElFTkSuQmCC",
    "11010110101000100100",
  ],
} as const;

/** Calls a function with the path of a file that exists meanwhile. */
async function withFile(bytes: Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".png" });
  try {
    await Deno.writeFile(path, bytes);
    await use(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("polygons fill the pixels that pycocotools fills", async () => {
  let empty = 0;
  for (const { size: [height, width], polygons: outlines, counts } of polygons) {
    const size = { width: width!, height: height! };
    const rle: TruthMask = { kind: "rle", counts, ...size };
    const polygon: TruthMask = { kind: "polygon", polygons: outlines };
    const found = await readRegion([rle], size).catch(() => undefined);
    if (!found) {
      await assertRejects(() => readRegion([polygon], size), RangeError);
      empty++;
      continue;
    }
    const expected = maskOf(found.region);
    assertEquals(encodeRle(expected, size).counts, counts);
    assertEquals(maskOf((await readRegion([polygon], size)).region), expected);
  }
  assert(empty < 10);
});

Deno.test("run lengths may be numbers or COCO's string", async () => {
  const random = new Random(4);
  for (let round = 0; round < 20; round++) {
    const size = { width: random.integer(1, 40), height: random.integer(1, 40) };
    const length = size.width * size.height;
    const mask = Uint8Array.from({ length }, () => random.uniform() < 0.1 * (round % 10) ? 1 : 0);
    mask[random.integer(0, length - 1)] = 1;
    const runs = [0];
    for (let i = 0, current = 0; i < length; i++) {
      const value = mask[i % size.height * size.width + Math.floor(i / size.height)]!;
      if (value !== current) runs.push(0);
      current = value;
      runs[runs.length - 1]!++;
    }
    for (const counts of [runs, encodeRle(mask, size).counts]) {
      const { region, notes } = await readRegion([{ kind: "rle", counts, ...size }], size);
      assertEquals(maskOf(region), mask);
      assertEquals(notes, []);
      assertEquals(regionArea(region), mask.filter((value) => value === 1).length);
    }
  }
});

Deno.test("a PNG marks opaque pixels, or coloured pixels where all are opaque", async () => {
  const size = { width: 2, height: 2 };
  const cases: [colorType: number, bytes: number[], mask: number[]][] = [
    [0, [0, 1, 255, 0], [0, 1, 1, 0]],
    [2, [0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0], [0, 1, 1, 0]],
    [4, [0, 0, 0, 255, 7, 3, 7, 0], [0, 1, 1, 0]],
    [4, [0, 255, 1, 255, 7, 255, 0, 255], [0, 1, 1, 0]],
    [6, [9, 9, 9, 0, 0, 0, 0, 255, 0, 0, 0, 1, 9, 9, 9, 0], [0, 1, 1, 0]],
    [6, [0, 0, 0, 255, 0, 0, 4, 255, 9, 0, 0, 255, 0, 0, 0, 255], [0, 1, 1, 0]],
  ];
  for (const [colorType, bytes, mask] of cases) {
    await withFile(png(2, 2, colorType, bytes), async (path) => {
      const { region } = await readRegion([{ kind: "png", path }], size);
      assertEquals([...maskOf(region)], mask);
    });
  }
});

for (const [kind, [png, mask]] of Object.entries(KINDS)) {
  Deno.test(`a PNG marks the same pixels at any depth: ${kind}`, () =>
    withFile(Uint8Array.fromBase64(png), async (path) => {
      const { region } = await readRegion([{ kind: "png", path }], { width: 5, height: 4 });
      assertEquals(maskOf(region).join(""), mask);
    }));
}

Deno.test("a PNG lies at its offset, and is cut at the image's edges with a note", async () => {
  const image = { width: 5, height: 4 };
  await withFile(png(2, 2, 0, [1, 1, 1, 1]), async (path) => {
    const at = async (left: number, top: number) => {
      const { region, notes } = await readRegion([{ kind: "png", path, left, top }], image);
      return { box: filledBox(region), notes };
    };
    assertEquals(await at(0, 0), { box: [0, 0, 2, 2], notes: [] });
    assertEquals(await at(3, 1), { box: [3, 1, 2, 2], notes: [] });
    const cut = (count: number) => [
      `mask "${path}" reaches past the image and was cut: ${count} of its 4 marked pixels lie ` +
      "outside",
    ];
    assertEquals(await at(4, 3), { box: [4, 3, 1, 1], notes: cut(3) });
    assertEquals(await at(-1, 2), { box: [0, 2, 1, 2], notes: cut(2) });
    await assertRejects(() => at(5, 0), RangeError, "lies outside the image of 5x4 pixels");
    await assertRejects(() => at(0.5, 0), RangeError, "expected whole pixels");
    const { region, notes } = await readRegion([
      { kind: "png", path, left: 9, top: 0 },
      { kind: "polygon", polygons: [[1, 1, 4, 1, 4, 3, 1, 3]] },
    ], image);
    assertEquals(filledBox(region), [1, 1, 3, 2]);
    assertEquals(notes, [`mask "${path}" lies outside the image of 5x4 pixels`]);
  });
});

Deno.test("several masks are one region: their union", async () => {
  const image = { width: 9, height: 5 };
  const { region } = await readRegion([
    { kind: "polygon", polygons: [[0, 0, 3, 0, 3, 3, 0, 3], [2, 1, 5, 1, 5, 3, 2, 3]] },
    { kind: "polygon", polygons: [[8, 4, 9, 4, 9, 5, 8, 5]] },
  ], image);
  assertEquals([...maskOf(region)].join(""), "111000000111110000111110000000000000000000001");
  assertEquals(boundsOf(region), [0, 0, 9, 5]);
  assertEquals(filledBox(region), undefined);
});

Deno.test("regions keep every pixel of a mask", () => {
  const random = new Random(8);
  for (let round = 0; round < 30; round++) {
    const size = { width: random.integer(1, 20), height: random.integer(1, 20) };
    const share = round / 29;
    const mask = Uint8Array.from(
      { length: size.width * size.height },
      () => random.uniform() < share ? 1 : 0,
    );
    const region = regionOf(mask, size);
    assertEquals(maskOf(region), mask);
    assertEquals(regionArea(region), mask.reduce((sum, value) => sum + value, 0));
  }
});

Deno.test("a fault of a mask is one sentence that names the mask", async () => {
  const image = { width: 4, height: 3 };
  const refuses = async (mask: TruthMask, type: ErrorConstructor, message: string) => {
    await assertRejects(() => readRegion([mask], image), type, message);
  };
  const rle = (counts: string | number[], width = 4, height = 3): TruthMask => ({
    ...{ kind: "rle", counts, width, height },
  });
  const outline = (...polygons: number[][]): TruthMask => ({ kind: "polygon", polygons });
  await refuses(
    { kind: "png", path: "none/a.png" },
    Deno.errors.NotFound as ErrorConstructor,
    'Cannot read mask "none/a.png": there is no such file',
  );
  await withFile(new TextEncoder().encode("GIF89a"), async (path) => {
    await refuses(
      { kind: "png", path },
      SyntaxError,
      `Cannot read mask "${path}": it is not a PNG`,
    );
  });
  const whole = png(4, 3, 0, new Array(12).fill(9));
  await withFile(whole.subarray(0, -26), async (path) => {
    await refuses({ kind: "png", path }, SyntaxError, "the PNG file is truncated or corrupt");
  });
  await withFile(png(2, 2, 0, [1, 1, 1, 1]), async (path) => {
    await refuses(
      { kind: "png", path },
      RangeError,
      `Cannot read mask "${path}": it is for 2x2 pixels, but the image has 4x3`,
    );
  });
  await withFile(png(4, 3, 0, new Array(12).fill(0)), async (path) => {
    await refuses({ kind: "png", path }, RangeError, `mask "${path}" marks no pixel`);
  });
  await refuses(rle([3, 8]), RangeError, "add up to 11 pixels, expected 12 (4x3)");
  await refuses(rle([3, -1, 10]), RangeError, "run length 2 is -1, expected a whole number from 0");
  await refuses(rle([3, 0.5, 8.5]), RangeError, "run length 2 is 0.5");
  await refuses(rle([12]), RangeError, "the mask marks no pixel");
  await refuses(rle([12], 3, 4), RangeError, "it is for 3x4 pixels, but the image has 4x3");
  await refuses(rle("3P"), SyntaxError, "break off within a number");
  await refuses(rle("3 9"), SyntaxError, "have no number of COCO at character 2");
  await refuses(rle("oooooooo"), SyntaxError, "have no number of COCO at character 8");
  await refuses(outline(), RangeError, "it has no polygon, expected at least one");
  await refuses(outline([0, 0, 2, 2]), RangeError, "it has 2 corners, expected at least 3");
  await refuses(
    outline([0, 0, 2, 2, 0, 2], [0, 0, 1, 2, 3]),
    RangeError,
    "Cannot read polygon 2 of the mask: it has 5 numbers, expected x and y of each corner",
  );
  await refuses(outline([0, 0, NaN, 2, 0, 2]), RangeError, "number 3 is NaN, expected a position");
  await refuses(outline([0, 0, 1e9, 2, 0, 2]), RangeError, "number 3 is 1000000000");
  await refuses(outline([1, 1, 1, 1, 1, 1]), RangeError, "the mask marks no pixel");
  await refuses(outline([9, 9, 12, 9, 12, 12]), RangeError, "the mask lies outside the image");
  const long = Array.from({ length: 300 }, (_, i) => i % 2 === 0 ? [0, 0] : [1e5, 0]).flat();
  await refuses(outline(long), RangeError, "its boundary of");
});
