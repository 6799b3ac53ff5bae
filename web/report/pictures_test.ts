import "../../base/host/deno/mod.ts";
import { assert, assertEquals } from "@std/assert";
import { inflateRawSync } from "node:zlib";
import { decodeImage } from "../../pipeline/decode.ts";
import { finishHeatmap } from "../../pipeline/postprocess.ts";
import { Random } from "../../base/random.ts";
import { heatmapElement, imageElement, missingElement } from "./_pictures.ts";
import { scriptJson } from "./_rows.ts";

/** Returns the attributes and the content of an element. */
function read(element: string) {
  const [, attributes, text] = /^<script type="text\/plain"([^>]*)>([^<]*)<\/script>\n$/
    .exec(element)!;
  const data = [...attributes!.matchAll(/ (?:data-)?(\w+)="([^"]*)"/g)];
  return {
    data: Object.fromEntries(data.map(([, name, value]) => [name!, value!])),
    bytes: Uint8Array.fromBase64(text!),
  };
}

/** Reverses differences between bytes that are `step` apart. */
function add(bytes: Uint8Array, step: number, put: (a: number, b: number) => number): void {
  for (let i = step; i < bytes.length; i++) bytes[i] = put(bytes[i]!, bytes[i - step]!);
}

Deno.test("heatmapElement() holds the mask bit for bit, and the heatmap to half a level", () => {
  const random = new Random(3);
  for (const size of [512, 200, 67, 16]) {
    const data = Float32Array.from({ length: 256 }, () => random.uniform());
    const layers = [{ layer: 3, side: 16, data }];
    const made = finishHeatmap(layers, { size, sigma: 2.5, otsu: true });
    const image = { width: 900, height: 700 };
    const crop = { x: 100, y: 0, side: 700 };
    const element = heatmapElement(7, { id: "a", size, image, layers, crop, ...made } as never);
    const { data: facts, bytes } = read(element);
    const side = Math.min(64, size);
    const texts = { side, size, x: 100, y: 0, span: 700, width: 900, height: 700 };
    const expected = Object.entries(texts).map(([name, value]) => [name, String(value)]);
    assertEquals(facts, { id: "heatmap-7", ...Object.fromEntries(expected) });
    const raw = new Uint8Array(inflateRawSync(bytes));
    const levels = raw.subarray(0, side * side);
    const mask = raw.subarray(side * side);
    add(levels, side, (a, b) => a + b);
    add(levels, 1, (a, b) => a + b);
    const stride = Math.ceil(size / 8);
    add(mask, stride, (a, b) => a ^ b);
    made.heatmap.forEach((value, i) => {
      const [x, y] = [i % size, Math.floor(i / size)];
      assertEquals((mask[y * stride + (x >> 3)]! >> (x & 7) & 1) === 1, value > 0);
    });
    // A cell is the mean of the pixels that it covers.
    const sums = new Float64Array(side * side);
    const counts = new Uint32Array(side * side);
    const first = (i: number) => Math.floor(i * size / side);
    for (let i = 0; i < side * side; i++) {
      const [column, row] = [i % side, Math.floor(i / side)];
      for (let y = first(row); y < first(row + 1); y++) {
        for (let x = first(column); x < first(column + 1); x++) {
          sums[i]! += made.normalised[y * size + x]!;
          counts[i]!++;
        }
      }
      assert(Math.abs(levels[i]! - 255 * sums[i]! / counts[i]!) <= 0.51);
    }
  }
});

Deno.test("imageElement() holds a small X-ray and the size of the original", async () => {
  const data = Uint8Array.from({ length: 800 * 600 }, (_, i) => i % 800 / 800 * 255);
  const { data: facts, bytes } = read(
    await imageElement(2, { data, width: 800, height: 600 }),
  );
  assertEquals(facts, { id: "image-2", width: "800", height: "600" });
  const image = await decodeImage(bytes);
  assertEquals([image.width, image.height], [384, 288]);
  assert(Math.abs(image.data[288 / 2 * 384 + 192]! - 127) < 4);
  const grayLevels = "window 1 of 2: centre 2048, width 4096";
  const [size, picture] = (await imageElement(0, {
    ...{ data: new Uint8Array(3), width: 3, height: 1, grayLevels, spacing: [0.2, 0.1] },
  })).split(/(?<=<\/script>)/);
  assertEquals(size, '<script type="application/json" id="spacing-0">[0.2,0.1]</script>');
  const tiny = read(`${picture}\n`);
  assertEquals(tiny.data.grey, grayLevels);
  const { width, height } = await decodeImage(tiny.bytes);
  assertEquals([width, height], [3, 1]);
});

Deno.test("no text ends the element that it stands in", () => {
  const text = '</script><!-- "&\u2028';
  assert(!scriptJson([text]).includes("<"));
  assertEquals(JSON.parse(scriptJson([text])), [text]);
  const { data } = read(missingElement("image-1", text));
  assertEquals(data.missing, "&lt;/script&gt;&lt;!-- &quot;&amp;\\u2028");
});
