import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Image } from "imagescript";
import type { Sample } from "../datasets/sample.ts";
import { decode, decodeImage } from "./decode.ts";
import { type Flow, item } from "./flow.ts";
import { imageHeader } from "../images/image_header.ts";

async function png(width: number, height: number): Promise<Uint8Array> {
  const image = new Image(width, height);
  for (let i = 0; i < width * height; i++) image.bitmap.set([i % 251, 7, 9, 255 - i % 5], 4 * i);
  return await image.encode();
}

const sample = (id: string, boxes: Sample["boxes"] = [], phrase = "a phrase"): Sample => ({
  id,
  image: "",
  phrase,
  boxes,
});

async function run(image: Uint8Array | string, samples: Sample[]) {
  const source = async function* () {
    yield await Promise.resolve(item({ image, samples }));
  };
  return await Array.fromAsync(decode(source()));
}

const reasons = (flows: Flow<unknown>[]) =>
  flows.flatMap((flow) =>
    flow.kind === "dropped" ? [[flow.dropped.status, flow.dropped.reason]] : []
  );

Deno.test("decodeImage() keeps the first channel, whatever the opacity", async () => {
  const { data, width, height } = await decodeImage(await png(30, 20));
  assertEquals([width, height], [30, 20]);
  assertEquals([...data.subarray(0, 4)], [0, 1, 2, 3]);
});

Deno.test("decodeImage() says truncated of a file cut anywhere", async () => {
  const image = new Image(40, 30);
  for (let i = 0; i < 1200; i++) image.bitmap.set([i * i % 251, i % 7, 9, 255], 4 * i);
  for (const file of [await image.encode(), await image.encodeJPEG(90)]) {
    for (const share of [0.1, 0.5, 0.8]) {
      const cut = file.slice(0, Math.floor(file.length * share));
      await assertRejects(() => decodeImage(cut), SyntaxError, "truncated or corrupt");
    }
  }
  const start = new Uint8Array([0xff, 0xd8, 0xff]);
  await assertRejects(() => decodeImage(start), SyntaxError, "truncated or corrupt");
});

Deno.test("decodeImage() refuses a size that would fill the memory before decoding it", async () => {
  const file = await png(8, 8);
  new DataView(file.buffer, file.byteOffset).setUint32(16, 60_000);
  new DataView(file.buffer, file.byteOffset).setUint32(20, 60_000);
  await assertRejects(() => decodeImage(file), RangeError, "60000x60000");
});

Deno.test("imageHeader() knows only PNG and JPEG", () => {
  assertEquals(imageHeader(new TextEncoder().encode("GIF89a")), undefined);
  assertEquals(imageHeader(new Uint8Array(0)), undefined);
});

Deno.test("decode() fails every sample of an image that cannot be read", async () => {
  const flows = await run("no-such-file.png", [sample("a"), sample("b")]);
  assertEquals(flows.length, 2);
  for (const [status, reason] of reasons(flows)) {
    assertEquals(status, "failed");
    assert(reason!.includes("no such file"));
  }
});

Deno.test("decode() drops boxes outside the centre square, and skips a sample without any other", async () => {
  const flows = await run(await png(30, 50), [
    sample("both", [[0, 0, 5, 5], [5, 20, 5, 5]]),
    sample("above", [[0, 0, 30, 10]]),
    sample("touching", [[0, 0, 30, 11]]),
  ]);
  assertEquals(reasons(flows).map(([status]) => status), ["skipped"]);
  const last = flows.at(-1)!;
  assert(last.kind === "item");
  if (last.kind !== "item") return;
  const { samples, crop } = last.item;
  assertEquals(crop, { x: 0, y: 10, side: 30 });
  assertEquals(samples.map(({ id, boxes }) => [id, boxes.length]), [["both", 1], ["touching", 1]]);
  assert(samples[0]!.notes![0]!.includes("1 of 2 boxes"));
});

Deno.test("decode() drops a box that touches the centre square from outside, at each edge", async () => {
  // In both images, the square is the middle 30 pixels of the longer side.
  for (const [width, height, before, after] of [[50, 30, 10, 40], [30, 50, 10, 40]] as const) {
    const box = (start: number) =>
      width > height ? [start, 3, 4, 5] as const : [3, start, 5, 4] as const;
    const flows = await run(await png(width, height), [
      sample("ends at the edge", [box(before - 4)]),
      sample("reaches in by a pixel", [box(before - 3)]),
      sample("begins within by a pixel", [box(after - 1)]),
      sample("begins at the edge", [box(after)]),
    ]);
    const last = flows.at(-1)!;
    const kept = last.kind === "item" ? last.item.samples.map(({ id }) => id) : [];
    assertEquals(kept, ["reaches in by a pixel", "begins within by a pixel"]);
    assertEquals(reasons(flows).map(([status]) => status), ["skipped", "skipped"]);
  }
});

Deno.test("decode() fails a sample whose boxes, phrase or size do not fit its image", async () => {
  const flows = await run(await png(30, 30), [
    sample("far", [[40, 2, 5, 5]]),
    sample("flat", [[1, 2, 0, 5]]),
    sample("NaN", [[1, NaN, 3, 5]]),
    sample("empty", [], "  "),
    { ...sample("size"), imageSize: { width: 30, height: 31 } },
  ]);
  assertEquals(flows.length, 5);
  const texts = reasons(flows).map(([, reason]) => reason!);
  assert(texts.slice(0, 3).every((text) => text.includes("not inside the image of 30x30")));
  assert(texts[3]!.includes("empty") && texts[4]!.includes("30x31"));
});

/** Builds a grey JPEG that claims a size; each scan has only a few bytes. */
function jpeg(width: number, height: number, scans: number): Uint8Array {
  const frame = [0xff, 0xc0, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255, 1, 1];
  const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0];
  const all = Array<number[]>(scans).fill(scan).flat();
  return Uint8Array.from([0xff, 0xd8, ...frame, 0x11, 0, ...all, 0xff, 0xd9]);
}

Deno.test("decodeImage() refuses few bytes that claim many pixels before decoding them", async () => {
  const file = await png(8, 8);
  new DataView(file.buffer, file.byteOffset).setUint32(16, 5000);
  new DataView(file.buffer, file.byteOffset).setUint32(20, 5000);
  for (const bytes of [file, jpeg(5000, 5000, 1)]) {
    assertEquals(imageHeader(bytes)!.isWhole, false);
    await assertRejects(() => decodeImage(bytes), SyntaxError, "truncated or corrupt");
  }
});

Deno.test("imageHeader() is not led past the frame that a decoder would read", () => {
  const hidden = jpeg(8, 8, 1).subarray(2);
  for (const marker of [0x00, 0x01, 0xd0, 0xd8, 0xd9]) {
    const skip = [0xff, 0xd8, 0xff, marker, 0, hidden.length + 2];
    const bytes = Uint8Array.from([...skip, ...hidden, ...jpeg(4, 4, 1).subarray(2)]);
    // libjpeg skips the first three markers, and stops at a second start or at an end.
    const seen = marker < 0xd8
      ? { format: "JPEG", size: { width: 8, height: 8 }, isWhole: true, scans: 1 }
      : { format: "JPEG", isWhole: false };
    assertEquals(imageHeader(bytes), seen);
  }
});

Deno.test("decodeImage() refuses a JPEG that goes over its pixels again and again", async () => {
  assertEquals(imageHeader(jpeg(8, 8, 100))!.scans, 100);
  await assertRejects(
    () => decodeImage(jpeg(8, 8, 101)),
    RangeError,
    "101 scans are more than 100",
  );
});

Deno.test("decodeImage() refuses an animation", async () => {
  const file = await png(8, 8);
  const chunk = [0, 0, 0, 8, ...new TextEncoder().encode("acTL"), ...Array(12).fill(0)];
  const bytes = Uint8Array.from([...file.subarray(0, 33), ...chunk, ...file.subarray(33)]);
  await assertRejects(() => decodeImage(bytes), SyntaxError, "it is an animation");
});

Deno.test("decodeImage() reads neither folders nor files of any size, nor names that hide", async () => {
  const path = await Deno.makeTempFile({ suffix: ".png" });
  await Deno.truncate(path, 2 ** 28 + 1);
  await assertRejects(() => decodeImage(path), RangeError, "bytes are more than");
  await Deno.remove(path);
  await assertRejects(() => decodeImage("."), TypeError, "it is a folder");
  await assertRejects(() => decodeImage("\0"), Error, 'Cannot read image "\\u0000":');
  await assertRejects(() => decodeImage("\x1b.png"), Deno.errors.NotFound, '"\\u001b.png"');
});

Deno.test({
  name: "decodeImage() does not wait for the writer of a pipe",
  ignore: Deno.build.os === "windows",
  async fn() {
    await assertRejects(() => decodeImage("/dev/null"), TypeError, "not a regular file");
  },
});

Deno.test("decode() makes pixels of boxes in shares of the image", async () => {
  const inShares = (boxes: Sample["boxes"]): Sample => ({
    ...sample("shares", boxes),
    boxUnit: "image",
  });
  const [flow] = await run(await png(40, 30), [
    inShares([[0.5, 0.1, 0.25, 0.2], [0.25, 0, 0.001, 1], [0.26, 0.999, 0.001, 0.001]]),
  ]);
  const expected = sample("shares", [[20, 3, 10, 6], [10, 0, 1, 30], [10, 29, 1, 1]]);
  assertEquals(flow?.kind === "item" && flow.item.samples, [expected]);
});
