import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Box, Cover, Size } from "../base/geometry.ts";
import { Random } from "../base/random.ts";
import { regionOf } from "../base/region.ts";
import type { Margin } from "../shaders/metrics_cpu.ts";
import { BOX_PROTOCOLS, type ProtocolName, PROTOCOLS, scoreByProtocols } from "./protocols.ts";
import { scoreHeatmap } from "./score_heatmap.ts";

const ALL = Object.keys(PROTOCOLS) as ProtocolName[];

/** A heatmap over an image, with a mask of 0 and 1 as ground truth. */
interface Case {
  readonly heatmap: Float32Array;
  readonly image: Size;
  readonly mask: Uint8Array;
  readonly margin: Margin;
  readonly cover: Cover;
}

/** Random cases: blobs, rings, scattered pixels and whole images, as masks of several shapes. */
function* cases(count: number): Iterable<Case> {
  const random = new Random(21);
  for (let i = 0; i < count; i++) {
    const side = [1, 3, 8, 16, 29][i % 5]!;
    const heatmap = Float32Array.from({ length: side * side }, () => {
      const value = random.uniform();
      return i % 3 > 0 && value < 0.5 ? 0 : i % 2 ? Math.round(8 * value) / 8 : value;
    });
    const image = { width: random.integer(2, 40), height: random.integer(2, 40) };
    const { width, height } = image;
    const [x, y] = [random.integer(0, width - 1), random.integer(0, height - 1)];
    const [inner, outer] = [random.integer(0, 9), random.integer(3, 30)];
    const share = i % 4 === 0 ? 0.3 : 1;
    const mask = Uint8Array.from({ length: width * height }, (_, at) => {
      const far = Math.hypot(at % width - x, Math.floor(at / width) - y);
      const isMarked = i % 10 === 9 || far <= outer && (i % 4 !== 3 || far >= inner);
      return isMarked && random.uniform() < share ? 1 : 0;
    });
    mask[random.integer(0, mask.length - 1)] = 1;
    const shorter = Math.min(width, height);
    const cover = i % 6 === 5 ? random.integer(1, shorter) : i % 7 === 3 ? "whole" : shorter;
    yield { heatmap, image, mask, margin: i % 2 ? "zero" : "excluded", cover };
  }
}

/** Lays a heatmap over every pixel of its image; NaN or 0 outside the square that counts. */
function overImage({ heatmap, image, margin, cover }: Case, visible = Infinity): number[] {
  const { width, height } = image;
  const side = Math.sqrt(heatmap.length);
  const source = (at: number, length: number) => {
    const covered = cover === "whole" ? length : cover;
    const shown = Math.min(visible, covered);
    const first = Math.floor((length - shown) / 2);
    if (at < first || at >= first + shown) return -1;
    const index = at - Math.floor((length - covered) / 2);
    return Math.min(Math.floor(Math.fround(index * Math.fround(side / covered))), side - 1);
  };
  return Array.from({ length: width * height }, (_, i) => {
    const [column, row] = [source(i % width, width), source(Math.floor(i / width), height)];
    if (column < 0 || row < 0) return margin === "zero" ? 0 : NaN;
    return heatmap[row * side + column]!;
  });
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Computes the scores pixel by pixel, from their definitions. */
function scoresByHand(map: readonly number[], mask: Uint8Array): Record<string, number> {
  const values = (side: number) => map.filter((value, i) => mask[i] === side && value === value);
  const [hits, misses] = [values(1), values(0)];
  const variance = (values: number[]) => {
    const middle = mean(values);
    return mean(values.map((value) => (value - middle) ** 2));
  };
  const noise = Math.sqrt(variance(hits) + variance(misses));
  const contrast = mean(hits) - mean(misses);
  const ratio = Math.abs(contrast) < 1e-12 || !(contrast === contrast) ? 0 : contrast / noise;
  const marked = mask.filter((value) => value === 1).length;
  const miou = mean([0.1, 0.2, 0.3, 0.4, 0.5].map((level) => {
    const above = (value: number) => value > Math.fround(level);
    return hits.filter(above).length / (marked + misses.filter(above).length);
  }));
  const points = [Infinity, 1, 0.75, 0.5, 0.25, 0].map((level) => [
    misses.filter((value) => value >= level).length,
    hits.filter((value) => value >= level).length,
  ]);
  let area = 0;
  for (let i = 1; i < points.length; i++) {
    area += (points[i]![0]! - points[i - 1]![0]!) * (points[i]![1]! + points[i - 1]![1]!) / 2;
  }
  const pairs = hits.length * misses.length;
  let ordered = 0;
  for (const hit of hits) for (const miss of misses) ordered += (Math.sign(hit - miss) + 1) / 2;
  return {
    cnr: ratio,
    absCnr: Math.abs(ratio),
    miou,
    aucRoc: pairs === 0 ? 0.5 : area / pairs,
    exact: pairs === 0 ? 0.5 : ordered / pairs,
  };
}

Deno.test("scores of 100 random masks equal their definitions, pixel by pixel", () => {
  const seen = [0, 0];
  for (const one of cases(100)) {
    const { heatmap, image, mask, margin, cover } = one;
    const region = regionOf(mask, image);
    const options = { margin, cover, protocols: ALL };
    const scores = scoreByProtocols(heatmap, image, region, options);
    const protocols = scores.protocols!;
    const check = (actual: Readonly<Record<string, number>>, expected: Record<string, number>) => {
      for (const name of ["cnr", "absCnr", "miou", "aucRoc"] as const) {
        // Without noise the ratio is infinite by hand, and limited in the scores.
        if (name !== "miou" && Math.abs(expected[name]!) > 1e6) continue;
        assertAlmostEquals(actual[name]!, expected[name]!, 1e-6, name);
      }
    };
    const map = overImage(one);
    const expected = scoresByHand(map, mask);
    check({ ...scores } as unknown as Record<string, number>, expected);
    assertAlmostEquals(protocols["pixel-auc"]![0]!.exact!, expected.exact!, 1e-9);
    assertEquals(protocols["pixel-auc"]![0]!.binned, scores.aucRoc);
    const shown = overImage({ ...one, margin: "zero" });
    const highest = Math.max(...shown);
    const hit = highest > 0 ? mask[shown.indexOf(highest)]! : 0;
    assertEquals(protocols["pointing-game"], [{ hit }]);
    for (const [name, crop] of [["biovil", 480], ["biovil-t", 448]] as const) {
      const visible = Math.floor(crop * Math.min(image.width, image.height) / 512);
      const square = overImage({ ...one, margin: "excluded", cover: visible });
      const isSeen = square.some((value, i) => mask[i] === 1 && value === value);
      seen[Number(isSeen)]!++;
      assertEquals(protocols[name]!.length, Number(isSeen));
      if (isSeen) check(protocols[name]![0]!, scoresByHand(overImage(one, visible), mask));
    }
    for (const name of BOX_PROTOCOLS) assertEquals(protocols[name], []);
  }
  assert(seen.every((count) => count > 0));
});

Deno.test("a mask that is exactly a box has exactly the scores of the box", () => {
  const random = new Random(3);
  for (const { heatmap, image, margin, cover } of cases(60)) {
    const { width, height } = image;
    const [x, y] = [random.integer(0, width - 1), random.integer(0, height - 1)];
    const box: Box = [x, y, random.integer(1, width - x), random.integer(1, height - y)];
    const mask = Uint8Array.from({ length: width * height }, (_, i) => {
      const [column, row] = [i % width - x, Math.floor(i / width) - y];
      return column >= 0 && column < box[2] && row >= 0 && row < box[3] ? 1 : 0;
    });
    // The existence in detection takes masks, its precision does not.
    const protocols = ALL.filter((name) => name !== "detection" && !BOX_PROTOCOLS.includes(name));
    const options = { margin, cover, protocols };
    assertEquals(
      scoreByProtocols(heatmap, image, regionOf(mask, image), options),
      scoreByProtocols(heatmap, image, [box], options),
    );
  }
});

Deno.test("scoreHeatmap() refuses an empty region and a region of another size", () => {
  const heatmap = new Float32Array(4);
  const image = { width: 4, height: 3 };
  assertThrows(
    () => scoreHeatmap(heatmap, image, regionOf(new Uint8Array(12), image)),
    RangeError,
    "expected a region with pixels, got none",
  );
  assertThrows(
    () =>
      scoreHeatmap(heatmap, image, regionOf(new Uint8Array(6).fill(1), { width: 3, height: 2 })),
    RangeError,
    "expected a region of 4x3 pixels, got 3x2",
  );
  assertThrows(
    () => regionOf(new Uint8Array(5), image),
    RangeError,
    "Cannot use a mask of 5 values: expected 4x3",
  );
});
