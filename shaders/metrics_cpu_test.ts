import { assertAlmostEquals, assertEquals } from "@std/assert";
import { gridStatistics, joinRegions } from "./metrics_cpu.ts";

Deno.test("gridStatistics() counts image pixels, not heatmap pixels", () => {
  // A 2x2 map over the middle 4x4 of a 5x4 image. The box covers rows 0 and 1. Its columns are 4,
  // in the margin, and 2 and 3, under the map's right half.
  const { boxes, background, boxPixels } = gridStatistics(
    Float32Array.of(0, 1, 0.5, 0.25),
    2,
    { width: 5, height: 4 },
    [[2, 0, 3, 2]],
  );
  assertEquals(boxPixels, 6);
  assertEquals(boxes[0], {
    pixels: 4,
    mean: 1,
    squares: 0,
    above: [4, 4, 4, 4, 4],
    atLeast: [4, 4, 4, 4, 4],
  });
  assertEquals(background.pixels, 12);
  assertEquals(background.mean, 0.25);
  assertEquals(background.above, [8, 8, 4, 4, 0]);
  assertEquals(background.atLeast, [12, 8, 4, 0, 0]);
});

Deno.test("gridStatistics() gives each pixel to the first box that has it", () => {
  const { boxes } = gridStatistics(
    new Float32Array(16).fill(0.3),
    4,
    { width: 4, height: 4 },
    [[0, 0, 2, 2], [1, 1, 2, 2], [0, 0, 2, 2]],
  );
  assertEquals(boxes.map((region) => region.pixels), [4, 3, 0]);
});

Deno.test("gridStatistics() compares with thresholds in float32", () => {
  const { background } = gridStatistics(
    Float32Array.of(0.1, 0.2, 0.3, 0.4),
    2,
    { width: 4, height: 2 },
    [[0, 0, 1, 1]],
  );
  // float32(.1) is not above float32(.1), but in float64 it is above .1.
  assertEquals(background.above, [3, 2, 1, 0, 0]);
});

Deno.test("gridStatistics() gives the margin value 0 on request", () => {
  const heatmap = Float32Array.of(0.5);
  const size = { width: 3, height: 1 };
  const excluded = gridStatistics(heatmap, 1, size, [[2, 0, 1, 1]]);
  assertEquals(excluded.boxes[0]!.pixels, 0);
  assertEquals(excluded.background.pixels, 1);
  const zero = gridStatistics(heatmap, 1, size, [[2, 0, 1, 1]], "zero");
  assertEquals(zero.boxes[0]!.pixels, 1);
  assertEquals(zero.boxes[0]!.mean, 0);
  assertEquals(zero.background.pixels, 2);
  assertEquals(zero.background.mean, 0.25);
});

Deno.test("gridStatistics() keeps a constant region's variance at exactly 0", () => {
  const { boxes, background } = gridStatistics(
    new Float32Array(31 * 31).fill(0.1),
    31,
    { width: 997, height: 701 },
    [[100, 50, 333, 77], [200, 60, 300, 500]],
  );
  const all = boxes.reduce(joinRegions, background);
  assertEquals(all.squares, 0);
  assertEquals(all.mean, Math.fround(0.1));
  assertEquals(all.pixels, 701 * 701);
});

Deno.test("joinRegions() equals the statistics of the whole", () => {
  const map = Float32Array.from({ length: 49 }, (_, index) => index % 10 / 10);
  const size = { width: 23, height: 37 };
  const split = gridStatistics(map, 7, size, [[3, 9, 11, 8]]);
  const whole = gridStatistics(map, 7, size, []).background;
  const joined = joinRegions(split.boxes[0]!, split.background);
  assertEquals(joined.pixels, whole.pixels);
  assertEquals(joined.above, whole.above);
  assertEquals(joined.atLeast, whole.atLeast);
  assertAlmostEquals(joined.mean, whole.mean, 1e-12);
  assertAlmostEquals(joined.squares, whole.squares, 1e-9);
});
