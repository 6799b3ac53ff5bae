import { assertEquals } from "@std/assert";
import type { Box } from "../base/geometry.ts";
import { Random } from "../base/random.ts";
import { maskOf } from "../base/region.ts";
import type { Sample } from "../datasets/sample.ts";
import { scoreHeatmap } from "../scoring/score_heatmap.ts";
import { readRegion } from "../scoring/truth/read_region.ts";
import { mirrorImage, mirrorSample } from "./_mirror.ts";

const IMAGE = { width: 5, height: 2, data: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9) };

const sampleOf = (sample: Partial<Sample>): Sample => ({
  ...{ id: "a", image: "a.png", phrase: "left mass", boxes: [] },
  ...sample,
});

Deno.test("mirrorImage() reverses rows, and leaves the image as it is", () => {
  assertEquals([...mirrorImage(IMAGE).data], [4, 3, 2, 1, 0, 9, 8, 7, 6, 5]);
  assertEquals(IMAGE.data[0], 0);
});

Deno.test("mirrorSample() mirrors boxes as scoring reads them, and masks", async () => {
  const boxesOf = async (sample: Partial<Sample>) =>
    (await mirrorSample(sampleOf(sample), IMAGE)).boxes;
  assertEquals(await boxesOf({ boxes: [[0, 0, 2, 1], [4, 1, 1, 1]] }), [[3, 0, 2, 1], [
    0,
    1,
    1,
    1,
  ]]);
  // Fractions are dropped, and a box ends at the image's edge.
  assertEquals(await boxesOf({ boxes: [[1.9, 0.5, 1.9, 1]] }), [[3, 0.5, 1, 1]]);
  assertEquals(await boxesOf({ boxes: [[3, 0, 9, 2]] }), [[0, 0, 2, 2]]);
  assertEquals(await boxesOf({ boxes: [[0.6, 0, 0.4, 1]], boxUnit: "image" }), [[0, 0, 2, 2]]);
  const masks = [
    { kind: "rle", counts: [0, 3, 4, 1, 2], width: 5, height: 2 },
    { kind: "polygon", polygons: [[2, 0, 3, 0, 3, 1, 2, 1]] },
  ] as const;
  const found = await mirrorSample(sampleOf({ masks }), IMAGE);
  const [one, other] = await Promise.all(
    [masks, found.masks!].map(async (own) => maskOf((await readRegion(own, IMAGE)).region)),
  );
  assertEquals([...mirrorImage({ ...IMAGE, data: one! }).data], [...other!]);
  assertEquals(found.masks!.length, 1);
});

Deno.test("A mirrored map has the same scores on mirrored truth", async () => {
  const random = new Random(1);
  const image = { width: 40, height: 40, data: new Uint8Array(1600) };
  for (let trial = 0; trial < 20; trial++) {
    const map = Float32Array.from({ length: 64 }, () => random.uniform());
    const mirrored = Float32Array.from(map, (_, i) => map[i - i % 8 + 7 - i % 8]!);
    const boxes = Array.from({ length: 2 }, (): Box => {
      const [x, y] = [random.integer(0, 30), random.integer(0, 30)];
      return [x, y, random.integer(1, 20), random.integer(1, 9)];
    });
    const sample = await mirrorSample(sampleOf({ boxes }), image);
    const [one, other] = [
      scoreHeatmap(map, image, boxes),
      scoreHeatmap(mirrored, image, sample.boxes),
    ];
    assertEquals([other.miou, other.aucRoc], [one.miou, one.aucRoc]);
    assertEquals(Math.abs(other.cnr - one.cnr) < 1e-9, true);
  }
});
