import "../../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import dicomParser from "dicom-parser";
import { Buffer } from "node:buffer";
import { PNG } from "pngjs";
import { dicomFile, RADIOGRAPH, words } from "../../tests/support/dicom_file.ts";
import { readReference } from "../../images/dicom/reference.ts";
import { cropRegion } from "../../images/preprocess.ts";
import { visitPixels } from "../../shaders/metrics_cpu.ts";
import { encodeDicomSeg } from "./dicom_seg.ts";
import { encodeGrayPng } from "./gray_png.ts";
import { encodeNifti } from "./nifti.ts";
import { boxOfMask, heatmapOnImage, maskOnImage } from "./original_pixels.ts";
import { encodeRle } from "./rle.ts";

/** Returns a heatmap in which each value encodes its own position; no value is 0. */
function numbered(size: number, image: { width: number; height: number }) {
  const heatmap = Float32Array.from({ length: size * size }, (_, i) => (i + 1) / size ** 2);
  return { heatmap, size, image, crop: cropRegion(image.width, image.height) };
}

Deno.test("heatmapOnImage() shows each value in as many pixels as scores count it", () => {
  const sizes = [[14, 287, 300], [16, 33, 7], [15, 450, 399], [5, 5, 5], [8, 1, 3]] as const;
  for (const [size, width, height] of sizes) {
    const placed = numbered(size, { width, height });
    const expected = new Map<number, number>();
    visitPixels(placed.heatmap, size, placed.image, [], "excluded", (value, pixels) => {
      if (pixels > 0) expected.set(value, (expected.get(value) ?? 0) + pixels);
    });
    const counts = new Map<number, number>();
    for (const value of heatmapOnImage(placed)) {
      if (!Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    assertEquals(counts, expected);
  }
});

Deno.test("heatmapOnImage() takes PyTorch's nearest pixel, NaN or a value beside the crop", () => {
  // From 14 to 287 pixels, PyTorch's nearest pixel of 41 is 1; exact arithmetic gives 2.
  const placed = numbered(14, { width: 287, height: 290 });
  const values = heatmapOnImage(placed);
  assertEquals(values[287 + 41], placed.heatmap[1]);
  assertEquals(values[287 * (1 + 82) + 42], placed.heatmap[3 * 14 + 2]);
  assertEquals([values[0], values[288 * 287], heatmapOnImage(placed, 0)[0]], [NaN, NaN, 0]);
});

Deno.test("heatmapOnImage() covers the heatmap's crop", () => {
  const values = heatmapOnImage({
    heatmap: Float32Array.of(0.1, 0.2, 0.3, 0.4),
    size: 2,
    image: { width: 5, height: 4 },
    crop: { x: 1, y: 1, side: 2 },
  });
  const [a, b, c, d] = Float32Array.of(0.1, 0.2, 0.3, 0.4);
  const row = [NaN, NaN, NaN, NaN, NaN];
  assertEquals([...values], [...row, NaN, a, b, NaN, NaN, NaN, c, d, NaN, NaN, ...row]);
});

Deno.test("maskOnImage() and boxOfMask() cover values above 0", () => {
  const heatmap = Float32Array.of(0, 0, 0, 0, 0.3, 0, 0, 0.9, 0);
  const placed = { heatmap, size: 3, image: { width: 8, height: 6 } };
  const mask = maskOnImage({ ...placed, crop: { x: 1, y: 0, side: 6 } });
  assertEquals(boxOfMask(mask, 8), [3, 2, 2, 4]);
  assertEquals(mask.reduce((sum, value) => sum + value), 8);
  assertEquals(boxOfMask(new Uint8Array(48), 8), undefined);
  assertEquals(boxOfMask(new Uint8Array(48).fill(1), 8), [0, 0, 8, 6]);
});

Deno.test("encodeRle() has the text of pycocotools", () => {
  // pycocotools 2.0.11: `mask.encode(np.asfortranarray(m))["counts"]`.
  assertEquals(encodeRle(new Uint8Array(12), { width: 4, height: 3 }).counts, "<");
  assertEquals(encodeRle(new Uint8Array(12).fill(1), { width: 4, height: 3 }).counts, "0<");
  const [width, height] = [900, 1200];
  const mask = new Uint8Array(width * height);
  for (let y = 100; y < 1150; y++) mask.fill(1, y * width + 3, y * width + 890);
  mask[0] = 1;
  const zeros = "0".repeat(2 * 886 - 1);
  assertEquals(encodeRle(mask, { width, height }), {
    size: [height, width],
    counts: `01cc3iP1SaL${zeros}lc;`,
  });
  const odd = Uint8Array.from({ length: 7 * 5 }, (_, i) => {
    const [x, y] = [i % 7, Math.floor(i / 7)];
    return (x * 7 + y * 13 + x * y) % 11 < 4 ? 1 : 0;
  });
  assertEquals(encodeRle(odd, { width: 7, height: 5 }).counts, "025OM0O040M0O0001011N");
});

Deno.test("encodeGrayPng() keeps every value of 8 and of 16 bits", async () => {
  const size = { width: 5, height: 3 };
  const deep = Uint16Array.from({ length: 15 }, (_, i) => 4681 * i + (i > 13 ? 1 : 0));
  const read = PNG.sync.read(Buffer.from(await encodeGrayPng(deep, size)), { skipRescale: true });
  assertEquals([read.width, read.height, read.depth, read.colorType], [5, 3, 16, 0]);
  assertEquals(Array.from(deep, (_, i) => read.data[4 * i]), [...deep]);
  const mask = Uint8Array.from({ length: 15 }, (_, i) => i % 2 * 255);
  const flat = PNG.sync.read(Buffer.from(await encodeGrayPng(mask, size)));
  assertEquals([flat.depth, flat.colorType], [8, 0]);
  assertEquals(Array.from(mask, (_, i) => flat.data[4 * i]), [...mask]);
});

Deno.test("encodeNifti() has column and row as axes, pixel sizes in mm and a turned image", async () => {
  const values = Float32Array.of(0, 0.25, NaN, 0.5, 1, NaN);
  const size = { width: 3, height: 2 };
  const read = async (file: Uint8Array) => {
    const stream = new Blob([new Uint8Array(file)]).stream()
      .pipeThrough(new DecompressionStream("gzip"));
    return new DataView(await new Response(stream).arrayBuffer());
  };
  const file = await encodeNifti(values, size, { spacing: [0.15, 0.125] });
  assertEquals(file, await encodeNifti(values, size, { spacing: [0.15, 0.125] }));
  const view = await read(file);
  // The offsets are from nifti1.h.
  const shorts = (at: number, count: number) =>
    Array.from({ length: count }, (_, i) => view.getInt16(at + 2 * i, true));
  const floats = (at: number, count: number) =>
    Array.from({ length: count }, (_, i) => view.getFloat32(at + 4 * i, true));
  const mm = Math.fround(0.15);
  assertEquals(view.getInt32(0, true), 348);
  assertEquals(shorts(40, 8), [3, 3, 2, 1, 1, 1, 1, 1]);
  assertEquals(shorts(70, 2), [16, 32]);
  assertEquals(floats(76, 4), [1, 0.125, mm, 1]);
  assertEquals(floats(108, 3), [352, 1, 0]);
  assertEquals(view.getUint8(123), 2);
  assertEquals(shorts(252, 2), [2, 2]);
  assertEquals(floats(256, 6), [0, 0, 1, 0, 0, 0]);
  assertEquals(floats(280, 12), [-0.125, 0, 0, 0, 0, -mm, 0, 0, 0, 0, 1, 0]);
  assertEquals(view.getUint32(344, false), 0x6e2b3100);
  assertEquals(floats(352, 6), [...values]);
  assertEquals(view.byteLength, 352 + 24);
  const unknown = await read(await encodeNifti(values, size));
  assertEquals([unknown.getUint8(123), unknown.getFloat32(80, true)], [0, 1]);
  await assertRejects(
    () => encodeNifti(new Float32Array(32768), { width: 32768, height: 1 }),
    RangeError,
    "expected sides of up to 32767 pixels, got 32768x1",
  );
});

const UIDS = {
  "00080016": "1.2.840.10008.5.1.4.1.1.1.1",
  "00080018": "1.2.3.1",
  "0020000d": "1.2.3.2",
  "0020000e": "1.2.3.3",
};

Deno.test("readReference() reads UIDs, pixel sizes and loss, and leaves out wrong values", async () => {
  const read = (more: Record<string, string>) =>
    readReference(dicomFile({ ...RADIOGRAPH, "7fe00010": words([1]), ...more }), "the image");
  const size = { width: 3, height: 2 };
  assertEquals(await read({}), size);
  const loss = { "00282110": "01", "00282112": "9.5\\2", "00282114": "ISO_10918_1\\ISO_15444_1" };
  assertEquals(await read({ ...UIDS, ...loss, "00181164": "0.15\\0.14" }), {
    ...size,
    ...{ sopClass: UIDS["00080016"], sopInstance: "1.2.3.1", study: "1.2.3.2", series: "1.2.3.3" },
    spacing: [0.15, 0.14],
    lossy: { ratio: "9.5\\2", method: "ISO_10918_1\\ISO_15444_1" },
  });
  const own = { "00280030": "0.2\\0.3", "00181164": "0.15\\0.14", "00200052": "1.9" };
  assertEquals(await read(own), { ...size, spacing: [0.2, 0.3], frameOfReference: "1.9" });
  assertEquals(
    await read({ "00080018": "Doe^Jane", "00280030": "0\\0.3", "00282110": "01" }),
    size,
  );
  assertEquals(await read({ "00280030": "0.2" }), size);
});

Deno.test("encodeDicomSeg() refers to its image, holds the mask and nothing of the patient", async () => {
  const elements = { ...RADIOGRAPH, ...UIDS, "00200052": "1.2.3.4", "7fe00010": words([1]) };
  const source = await readReference(dicomFile(elements), "the image");
  const mask = Uint8Array.of(1, 0, 0, 1, 1, 1);
  const phrase = `opacity\\ß\n${"long ".repeat(300)}`;
  const input = { source, mask, phrase, run: "run", number: 7 };
  const file = await encodeDicomSeg(input);
  assertEquals(file, await encodeDicomSeg(input));
  const set = dicomParser.parseDicom(file);
  const text = (tag: string) => set.string(tag);
  assertEquals(text("x00080016"), "1.2.840.10008.5.1.4.1.1.66.4");
  assertEquals([text("x0020000d"), text("x00200052")], ["1.2.3.2", "1.2.3.4"]);
  assertEquals([set.uint16("x00280010"), set.uint16("x00280011")], [2, 3]);
  assertEquals(text("x00200013"), "7");
  const { dataOffset, length } = set.elements.x7fe00010!;
  assertEquals([...file.subarray(dataOffset, dataOffset + length)], [0b111001, 0]);
  for (const tag of ["x00100010", "x00100020", "x00100030", "x00080020", "x00080050"]) {
    assertEquals(set.elements[tag]!.length, 0);
  }
  assert(!new TextDecoder("latin1").decode(file).includes("Doe"));
  const image = set.elements.x00082112!.items![0]!.dataSet!;
  assertEquals([image.string("x00081150"), image.string("x00081155")], [
    UIDS["00080016"],
    UIDS["00080018"],
  ]);
  const segment = set.elements.x00620002!.items![0]!.dataSet!;
  const label = segment.elements.x00620005!;
  const shown = new TextDecoder().decode(
    file.subarray(label.dataOffset, label.dataOffset + label.length),
  ).trimEnd();
  assertEquals(shown, `opacity/ß ${"long ".repeat(11)}`.slice(0, 64).trim());

  const uids = async (change: object) => {
    const other = dicomParser.parseDicom(await encodeDicomSeg({ ...input, ...change }));
    const [instance, series] = [other.string("x00080018"), other.string("x0020000e")];
    assert([instance, series].every((uid) => /^2\.25\.[1-9]\d{0,38}$/.test(uid!)));
    return [instance === text("x00080018"), series === text("x0020000e")];
  };
  assertEquals(await uids({}), [true, true]);
  assertEquals(await uids({ mask: Uint8Array.of(1, 0, 0, 1, 1, 0) }), [false, true]);
  assertEquals(await uids({ phrase: "another" }), [false, true]);
  assertEquals(await uids({ run: "another" }), [false, false]);
  const { study: _, ...lacking } = source;
  await assertRejects(
    () => encodeDicomSeg({ ...input, source: lacking }),
    RangeError,
    "expected UIDs",
  );
});

Deno.test("encodeDicomSeg() keeps patient and study byte for byte where they were asked for", async () => {
  // Patient's Name of chrKoreanMulti.dcm, a test file of pydicom 3.0.2.
  const name = "1b242943b1e8c8" +
    "f1c1df1b284220";
  const kept = {
    "00080005": "\\ISO 2022 IR 149",
    ...{ "00080020": "20240102", "00080030": "1213", "00080050": "A-1", "00081030": "Thorax" },
    ...{ "00100010": Uint8Array.fromHex(name), "00100020": "odd", "00100021": "HOSP" },
    ...{ "00100030": "19500607", "00100040": "F", "00200010": "S1" },
  };
  const { "00100010": _, ...radiograph } = RADIOGRAPH;
  const rest = { ...UIDS, "00100025": "other", "00101010": "074Y", "7fe00010": words([1]) };
  const mask = Uint8Array.of(1, 0, 0, 1, 1, 1);
  const segment = async (elements: object, phrase: string, withPatient = true) => {
    const bytes = dicomFile({ ...radiograph, ...rest, ...elements });
    const source = await readReference(bytes, "the image", { withPatient });
    const file = await encodeDicomSeg({ source, mask, phrase, run: "run", number: 7 });
    return { file, set: dicomParser.parseDicom(file) };
  };
  const phrase = "opacity – 胸水";
  const { file, set } = await segment(kept, phrase);
  for (const [tag, value] of Object.entries(kept)) {
    const { dataOffset, length } = set.elements[`x${tag}`]!;
    const expected = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const found = file.subarray(dataOffset, dataOffset + length);
    assertEquals([...found], [...expected, ...(expected.length % 2 ? [0x20] : [])], tag);
  }
  assertEquals([set.elements.x00100025, set.elements.x00101010], [undefined, undefined]);
  assertEquals(set.elements.x00080090!.length, 0);
  // Elements are in order. Our own texts are UTF-8, in items that declare UTF-8.
  const tags = Object.values(set.elements).toSorted((a, b) => a.dataOffset - b.dataOffset)
    .map(({ tag }) => tag);
  assertEquals(tags, tags.toSorted());
  assertEquals(set.elements.x00700081!.length, 0);
  const item = set.elements.x00620002!.items![0]!.dataSet!;
  assertEquals(item.string("x00080005"), "ISO_IR 192");
  const { dataOffset, length } = item.elements.x00620005!;
  assertEquals(
    new TextDecoder().decode(file.subarray(dataOffset, dataOffset + length)).trim(),
    phrase,
  );

  // With patient data the object has another UID, so that a PACS does not mix the two up.
  const without = (await segment(kept, phrase, false)).set;
  for (const tag of ["x00080018", "x0020000e"]) assert(set.string(tag) !== without.string(tag));
  assertEquals(without.elements.x00100010!.length, 0);
  assertEquals(set.string("x0020000d"), without.string("x0020000d"));
  const married = (await segment({ ...kept, "00100010": "Doe^Jane" }, phrase)).set;
  assert(married.string("x00080018") !== set.string("x00080018"));

  // If the source states no character set, our own stays, with an ASCII name or no name.
  for (const elements of [{ "00100010": "Doe^Jane" }, {}]) {
    const { set } = await segment(elements, phrase);
    assertEquals(set.string("x00080005"), "ISO_IR 192");
    assertEquals(set.string("x00100010") ?? "", elements["00100010"] ?? "");
    assert(set.elements.x00700081!.length > 0);
  }
});
