import { assertEquals, assertRejects } from "@std/assert";
import { crc32 } from "node:zlib";
import { inFolder } from "../tests/support/command.ts";
import { encodeHeatmap, HeatmapIndex, readHeatmaps } from "./heatmap_file.ts";

const HEATMAP = {
  ...{ id: "a/b – ü", setting: "mine", size: 512, image: { width: 3056, height: 2544 } },
  layers: [
    { layer: 3, side: 2, data: Float32Array.of(0, 1, 1 / 3, 1e-40) },
    { layer: 9, side: 1, data: Float32Array.of(-0) },
  ],
};

/** Builds a record with any header and a correct checksum. */
function record(header: unknown, values = new Uint8Array(4)): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const rest = new Uint8Array([...text, ...values]);
  const words = Uint32Array.of(0x314d4847, text.length, values.length, crc32(rest));
  return new Uint8Array([...new Uint8Array(words.buffer), ...rest]);
}

Deno.test("heatmaps come back to the last bit, in order and by name", () =>
  inFolder(async (folder) => {
    const path = `${folder}/heatmaps.bin`;
    const { setting: _, ...other } = { ...HEATMAP, id: "" };
    const grid = {
      ...{ id: "grid", size: 2, image: HEATMAP.image, view: { crop: 480, resized: 512 } },
      layers: [{ layer: 0, side: 2, data: Float32Array.of(-1, 0.5, 0, 1) }],
    };
    const records = [HEATMAP, other, grid].map(encodeHeatmap);
    await Deno.writeFile(path, new Uint8Array(records.flatMap((bytes) => [...bytes])));
    const read = await Array.fromAsync(readHeatmaps(path));
    assertEquals(read.map(({ heatmap }) => heatmap), [HEATMAP, other, grid]);
    assertEquals(read.map(({ bytes }) => bytes), records);
    using index = await HeatmapIndex.open(path);
    assertEquals(await index.get({ id: "" }), other);
    assertEquals(await index.get(HEATMAP), HEATMAP);
    await assertRejects(
      () => index.get({ id: HEATMAP.id }),
      RangeError,
      'of "a/b – ü", found none',
    );
    assertEquals(await Array.fromAsync(readHeatmaps(`${folder}/none`)), []);
  }));

Deno.test("a record that is not whole ends a file, and a wrong one is named", () =>
  inFolder(async (folder) => {
    const path = `${folder}/heatmaps.bin`;
    const good = encodeHeatmap(HEATMAP);
    const after = async (more: Uint8Array) => {
      await Deno.writeFile(path, new Uint8Array([...good, ...more]));
      return (await Array.fromAsync(readHeatmaps(path))).length;
    };
    for (let length = 0; length < good.length; length++) {
      assertEquals(await after(good.subarray(0, length)), 1);
      assertEquals(await after(good.with(length, good[length]! ^ 4)), 1, `byte ${length}`);
    }
    assertEquals(await after(new Uint8Array(1000)), 1);
    assertEquals(await after(good), 2);
    const facts = { id: "a", size: 512, image: { width: 9, height: 9 }, layers: [[3, 1]] };
    assertEquals(await after(record(facts)), 2);
    const wrong: [unknown, string, Uint8Array<ArrayBuffer>?][] = [
      ["{", "is not that of a heatmap"],
      [null, "is not that of a heatmap"],
      [{ ...facts, id: 1 }, "expected an id"],
      [{ ...facts, setting: {} }, "expected an id"],
      [{ ...facts, size: 1e9 }, "expected a size of 1 to 8192"],
      [{ ...facts, image: null }, "expected an image width"],
      [{ ...facts, image: { width: 9, height: 0.5 } }, "expected an image height"],
      [{ ...facts, layers: [] }, "expected layers"],
      [{ ...facts, layers: [3] }, "expected a layer"],
      [{ ...facts, layers: [[3, 0]] }, "expected a side"],
      [{ ...facts, layers: [[3, 8192]] }, "expected more values"],
      [{ ...facts, layers: [[3, 1], [4, 1]] }, "expected more values"],
      [{ ...facts, size: 1, view: null }, "expected a resized side"],
      [{ ...facts, size: 1, view: { crop: 9, resized: 8 } }, "expected a crop of 1 to 8"],
      [{ ...facts, view: { crop: 8, resized: 8 } }, "expected one grid"],
      [facts, "expected fewer values", new Uint8Array(8)],
      [facts, "expected finite values", new Uint8Array([0, 0, 0xc0, 0x7f])],
    ];
    for (const [header, message, values] of wrong) {
      const error = await assertRejects(() => after(record(header, values)), SyntaxError, message);
      assertEquals(error.message.startsWith(`Cannot read "${path}": the record at byte`), true);
    }
  }));
