import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box } from "../base/geometry.ts";
import { regionOf } from "../base/region.ts";
import { floats, readSafetensors } from "../tests/support/safetensors.ts";
import { mixtureMask, mixtureThreshold, scoreFrame } from "./generate_to_ground.ts";
import { componentMeans } from "./gaussian_mixture.ts";

/** Maps, masks and scores of the released code; see shared/reference/diffusers/README.md. */
const REFERENCE = new URL("../../shared/reference/diffusers/", import.meta.url);

/** Side of the released code's maps. */
const SIDE = 64;

/** Scores whose name is also a key of the reference's scores. */
const NAMES = ["iou", "miou", "bboxiou", "bboxmiou", "cnr", "aucroc"] as const;

for (const name of ["a-sd1", "b-sd2", "c-radedit"]) {
  Deno.test(`masks and scores of ${name} are the released code's`, async () => {
    const tensors = await readSafetensors(new URL(`${name}/expected.safetensors`, REFERENCE));
    const { g2g, image, boxes } = JSON.parse(
      await Deno.readTextFile(new URL(`${name}/expected.json`, REFERENCE)),
    );
    for (const key of ["map", "map_bbm"]) {
      const map = floats(tensors, `g2g.${key}`);
      const { threshold, scores } = g2g[key];
      assertAlmostEquals(mixtureThreshold(map), threshold, 1e-4, key);
      assertEquals(mixtureMask(map, SIDE), tensors.get(`g2g.${key}.mask`)!.data, key);
      const found = scoreFrame(map, SIDE, image, boxes)!;
      for (const score of NAMES) {
        assertAlmostEquals(found[score], scores[score], 1e-5, `${key} ${score}`);
      }
    }
  });
}

Deno.test("a component is found among few and many values", () => {
  const [low, high] = componentMeans(Float32Array.of(0, 0, 0, 1));
  assertAlmostEquals(low, 0, 1e-9);
  assertAlmostEquals(high, 1, 1e-9);
  const spread = Float32Array.from({ length: 900 }, (_, i) => (i % 3 === 0 ? 5 : 1) + i % 7 / 50);
  const means = componentMeans(spread);
  assertAlmostEquals(means[0], 1.06, 1e-3);
  assertAlmostEquals(means[1], 5.06, 1e-3);
});

/** Returns a map with a square of ones. */
function square(side: number, [left, top, width, height]: Box): Float32Array {
  return Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return Number(x >= left && x < left + width && y >= top && y < top + height);
  });
}

Deno.test("scoreFrame() scores a map like its box, a blank map and several boxes", () => {
  const image = { width: 512, height: 512 };
  const box: Box = [128, 128, 256, 128];
  const found = scoreFrame(square(512, box), 512, image, [box])!;
  // The filter takes the four corners of the mask, which have four neighbours in it.
  assertAlmostEquals(found.iou, (256 * 128 - 4) / (256 * 128), 1e-9);
  assertAlmostEquals(found.bboxiou, 255 * 127 / (256 * 128), 1e-9);
  assertEquals([found.top1, found.aucroc, found.distance], [1, 1, 0]);
  assert(found.cnr > 1e30);
  const blank = scoreFrame(new Float32Array(64), 8, image, [box])!;
  assertEquals(new Set(Object.values(blank)), new Set([0]));
  assertEquals(scoreFrame(square(512, box), 512, image, [box, [0, 0, 9, 9]])!.distance, NaN);
  const everywhere = scoreFrame(square(8, [1, 1, 4, 4]), 8, image, [[0, 0, 512, 512]])!;
  assertEquals([everywhere.aucroc, everywhere.top1], [NaN, 1]);
});

Deno.test("scoreFrame() scores a region as the boxes with the same pixels", () => {
  const image = { width: 700, height: 601 };
  const map = square(64, [16, 16, 32, 30]);
  const boxes: Box[] = [[151, 148, 301, 220], [300, 300, 200, 100]];
  const mask = new Uint8Array(image.width * image.height);
  for (const [x, y, width, height] of boxes) {
    for (let row = y; row < y + height; row++) {
      mask.fill(1, row * image.width + x, row * image.width + x + width);
    }
  }
  const { distance, ...found } = scoreFrame(map, 64, image, regionOf(mask, image))!;
  const { distance: none, ...expected } = scoreFrame(map, 64, image, boxes)!;
  assertEquals(found, expected);
  assertEquals(none, NaN);
  assert(distance > 0);
});

Deno.test("scoreFrame() takes the heatmap's part of the image as its square", () => {
  const image = { width: 2048, height: 1024 };
  const map = square(64, [16, 16, 32, 32]);
  const whole = scoreFrame(map, 64, image, [[768, 256, 512, 512]])!;
  const half = scoreFrame(map, 64, image, [[896, 384, 256, 256]], 512)!;
  // Shrinking by 2 gives a border of a pixel to the box, which 1:1 does not have.
  assertAlmostEquals(whole.iou, half.iou, 0.02);
  assert(half.iou > 0.95);
  assertEquals(scoreFrame(map, 64, image, [[0, 0, 99, 99]]), undefined);
});
