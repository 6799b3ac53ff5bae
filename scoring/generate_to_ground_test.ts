import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box } from "../base/geometry.ts";
import { Random } from "../base/random.ts";
import { regionOf } from "../base/region.ts";
import { resizeBilinear } from "../shaders/resize_cpu.ts";
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

/** The threshold of a mixture by plain k-means and expectation-maximisation over all values. */
function thresholdByHand(map: Float32Array): number {
  const values = [...map];
  const mean = (of: (value: number, i: number) => number) =>
    values.reduce((sum, value, i) => sum + of(value, i), 0) / values.length;
  const first = values[Math.floor(0.5488135039273248 * values.length)]!;
  const far = values.map((value) => (value - first) ** 2);
  const all = far.reduce((sum, value) => sum + value, 0);
  const seconds = [0.7151893663724195, 0.6027633760716439].map((draw) => {
    let sum = 0;
    return values[far.findIndex((value) => (sum += value) >= draw * all)]!;
  });
  const cost = (center: number) => mean((value, i) => Math.min(far[i]!, (value - center) ** 2));
  let centers = [first, cost(seconds[1]!) < cost(seconds[0]!) ? seconds[1]! : seconds[0]!];
  const middle = mean((value) => value);
  const variance = mean((value) => (value - middle) ** 2);
  const label = (value: number) =>
    Number(Math.abs(value - centers[1]!) < Math.abs(value - centers[0]!));
  for (let round = 0, before = ""; round < 300; round++) {
    const labels = values.map(label);
    const moved = [0, 1].map((side) => {
      const own = values.filter((_, i) => labels[i] === side);
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    });
    const shift = moved.reduce((sum, center, i) => sum + (center - centers[i]!) ** 2, 0);
    centers = moved;
    if (labels.join("") === before || shift <= 1e-4 * variance) break;
    before = labels.join("");
  }
  let shares = values.map((value) => [1 - label(value), label(value)]);
  const fit = () =>
    [0, 1].map((side) => {
      const weight = shares.reduce((sum, share) => sum + share[side]!, 0) + 2.220446049250313e-15;
      const center = values.reduce((sum, v, i) => sum + shares[i]![side]! * v, 0) / weight;
      const spread = values.reduce((sum, v, i) => sum + shares[i]![side]! * (v - center) ** 2, 0);
      return { weight, center, variance: spread / weight + 1e-6 };
    });
  let parts = fit();
  for (let round = 0, before = -Infinity; round < 100; round++) {
    const logs = values.map((value) =>
      parts.map(({ weight, center, variance }) =>
        Math.log(weight / values.length) - (value - center) ** 2 / variance / 2 -
        Math.log(2 * Math.PI * variance) / 2
      )
    );
    const sums = logs.map((own) => {
      const most = Math.max(...own);
      return most + Math.log(own.reduce((sum, log) => sum + Math.exp(log - most), 0));
    });
    shares = logs.map((own, i) => own.map((log) => Math.exp(log - sums[i]!)));
    const likelihood = sums.reduce((sum, value) => sum + value, 0) / values.length;
    parts = fit();
    if (Math.abs(likelihood - before) < 1e-3) break;
    before = likelihood;
  }
  return (parts[0]!.center + parts[1]!.center) / 2;
}

/** The scores of the released code's definitions on the square, pixel by pixel. */
function scoresByHand(map: Float32Array, side: number, boxes: readonly Box[]) {
  const threshold = thresholdByHand(map);
  const above = (x: number, y: number) => Number(map[y * side + x]! > threshold);
  const filtered = map.map((_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    if (x === 0 || y === 0 || x === side - 1 || y === side - 1) return above(x, y);
    let count = 0;
    for (const dy of [-1, 0, 1]) for (const dx of [-1, 0, 1]) count += above(x + dx, y + dy);
    return Number(count > 4);
  });
  // The code gives 0 for every score of an empty mask.
  if (!filtered.includes(1)) return { iou: 0, miou: 0, bboxmiou: 0, cnr: 0, top1: 0, aucroc: 0 };
  const [from, to] = [side, 512].map((length) => ({ width: length, height: length }));
  const heat = resizeBilinear(map, from!, to!);
  const mask = resizeBilinear(filtered, from!, to!).map((value) => Number(value > 0.5));
  const truth = new Float32Array(512 * 512);
  for (const [x, y, w, h] of boxes) {
    for (let row = y; row < y + h; row++) truth.fill(1, row * 512 + x, row * 512 + x + w);
  }
  let [left, right, top, bottom] = [512, -1, mask.indexOf(1), mask.lastIndexOf(1)];
  [top, bottom] = [Math.floor(top / 512), Math.floor(bottom / 512)];
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    [left, right] = [Math.min(left, i % 512), Math.max(right, i % 512)];
  }
  const filled = mask.map((_, i) =>
    Number(i % 512 >= left && i % 512 < right && i >= top * 512 && i < bottom * 512)
  );
  const overlap = (one: Float32Array, side: number) => {
    let [both, either] = [0, 0];
    for (let i = 0; i < one.length; i++) {
      both += Number(one[i] === side && truth[i] === side);
      either += Number(one[i] === side || truth[i] === side);
    }
    return both / either;
  };
  const parts = [1, 0].map((side) => {
    const own = heat.filter((_, i) => truth[i] === side);
    const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
    const squares = own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return { own, mean, variance: squares / (own.length - 1) };
  });
  // Mann and Whitney: the sum of middle ranks.
  const sorted = heat.toSorted();
  const ranks = new Map<number, number>();
  for (let i = 0, j = 0; i < sorted.length; i = j) {
    while (sorted[j] === sorted[i]) j++;
    ranks.set(sorted[i]!, (i + 1 + j) / 2);
  }
  const [inside, outside] = parts as [typeof parts[0], typeof parts[0]];
  const count = inside.own.length;
  const rankSum = inside.own.reduce((sum, value) => sum + ranks.get(value)!, 0);
  return {
    iou: overlap(mask, 1),
    miou: (overlap(mask, 1) + overlap(mask, 0)) / 2,
    bboxiou: overlap(filled, 1),
    bboxmiou: (overlap(filled, 1) + overlap(filled, 0)) / 2,
    cnr: (inside.mean - outside.mean) / Math.sqrt(inside.variance + outside.variance),
    top1: truth[heat.indexOf(sorted.at(-1)!)]!,
    aucroc: (rankSum - count * (count + 1) / 2) / (count * outside.own.length),
  };
}

Deno.test("scores of 200 random maps with random boxes follow from their definitions", () => {
  const random = new Random(9);
  const image = { width: 512, height: 512 };
  for (let round = 0; round < 200; round++) {
    const side = random.integer(8, 24);
    // Levels of 1/16 leave few distinct values; other maps have many.
    const levels = round % 10 === 0 ? 2 ** 20 : 16;
    const [x, y, width] = [random.uniform(), random.uniform(), 0.1 + random.uniform() / 4];
    const map = Float32Array.from({ length: side * side }, (_, i) => {
      const [dx, dy] = [i % side / side - x, Math.floor(i / side) / side - y];
      const heat = Math.exp(-(dx * dx + dy * dy) / width ** 2) + random.uniform() / 3;
      return Math.round(levels * (round % 3 === 0 && heat < 0.4 ? 0 : heat)) / levels;
    });
    const [low, high] = [Math.min(...map), Math.max(...map)];
    const heatmap = map.map((value) => (value - low) / (high - low));
    const boxes = Array.from({ length: random.integer(1, 3) }, (): Box => {
      const [left, top] = [random.integer(0, 400), random.integer(0, 400)];
      return [left, top, random.integer(20, 511 - left), random.integer(20, 511 - top)];
    });
    const found = scoreFrame(heatmap, side, image, boxes)!;
    assertAlmostEquals(mixtureThreshold(heatmap), thresholdByHand(heatmap), 1e-9);
    for (const [name, value] of Object.entries(scoresByHand(heatmap, side, boxes))) {
      assertAlmostEquals(found[name as "iou"], value, 1e-6, `${round} ${name}`);
    }
  }
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
