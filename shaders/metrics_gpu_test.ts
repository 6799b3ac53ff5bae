import { assert, assertEquals } from "@std/assert";
import type { Box } from "../base/geometry.ts";
import { scoreStatistics } from "../scoring/score_heatmap.ts";
import { hardMaps, runKernel, testGpu } from "../tests/support/gpu.ts";
import { ScoreSums, type ScoreTarget } from "./metrics.ts";
import { gridStatistics, type Margin, type RegionCounts } from "./metrics_cpu.ts";
import { otsuThreshold } from "./otsu_cpu.ts";

function closeEnough(actual: RegionCounts, expected: RegionCounts, name: string): void {
  assertEquals(actual.boxPixels, expected.boxPixels, name);
  const pairs = [...actual.boxes, actual.background].map((region, i) =>
    [region, [...expected.boxes, expected.background][i]!] as const
  );
  for (const [region, other] of pairs) {
    assertEquals(region.pixels, other.pixels, name);
    assertEquals(region.above, other.above, name);
    assertEquals(region.atLeast, other.atLeast, name);
    assert(Math.abs(region.mean - other.mean) <= 1e-6, `${name}: mean ${region.mean}`);
    const off = Math.abs(region.squares - other.squares);
    assert(off <= 1e-5 * other.squares, `${name}: squares ${region.squares}`);
  }
  const [scores, others] = [scoreStatistics(actual), scoreStatistics(expected)];
  for (const key of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
    const off = Math.abs(scores[key] - others[key]);
    assert(off <= 1e-4, `${name}: ${key} ${scores[key]} against ${others[key]}`);
  }
}

/** Returns the statistics of a batch of maps from the GPU. */
async function onGpu(
  maps: readonly Float32Array[],
  side: number,
  targets: readonly ScoreTarget[],
  margin?: Margin,
): Promise<RegionCounts[]> {
  const gpu = await testGpu();
  const sums = new ScoreSums(gpu, side, targets, margin);
  const all = new Float32Array(maps.length * side * side);
  maps.forEach((map, i) => all.set(map, i * side * side));
  const { words } = await runKernel(all, 4, (encoder, source) => sums.record(encoder, source), [
    { buffer: sums.sums, bytes: sums.sumBytes },
  ]);
  sums.destroy();
  return maps.map((_, i) => sums.read(words[0]!, i));
}

const TARGETS: [number, ScoreTarget][] = [
  [1, { image: { width: 1, height: 1 }, boxes: [[0, 0, 1, 1]] }],
  [1, { image: { width: 5, height: 3 }, boxes: [[1, 1, 3, 1]] }],
  [17, { image: { width: 31, height: 47 }, boxes: [[0, 0, 9, 30], [5, 20, 26, 27]] }],
  [512, { image: { width: 512, height: 512 }, boxes: [[100, 100, 200, 150]] }],
  [512, { image: { width: 1000, height: 700 }, boxes: [[0, 0, 1000, 700]] }],
  [512, {
    image: { width: 2544, height: 3056 },
    boxes: [[300, 900, 700, 800], [900, 1400, 600, 900], [320, 950, 50, 60]],
  }],
];

for (const [side, target] of TARGETS) {
  const { width, height } = target.image;
  for (const margin of ["excluded", "zero"] as const) {
    Deno.test(`scores of ${side} on ${width}x${height}, margin ${margin}, as the twin`, async () => {
      const maps = hardMaps(side, side);
      const { smooth } = maps;
      const threshold = otsuThreshold(smooth!);
      maps.masked = smooth!.map((value) => value > threshold ? value : 0);
      const names = Object.keys(maps);
      const batch = names.map((name) => maps[name]!);
      const results = await onGpu(batch, side, names.map(() => target), margin);
      results.forEach((statistics, i) => {
        const { image, boxes } = target;
        const expected = gridStatistics(batch[i]!, side, image, boxes, margin);
        closeEnough(statistics, expected, names[i]!);
      });
    });
  }
}

Deno.test("heatmaps of one batch have targets of their own, and may have none", async () => {
  const { noise, smooth } = hardMaps(17, 17);
  const image = { width: 60, height: 40 };
  const boxes: Box[][] = [[[10, 10, 20, 5]], [], [[0, 0, 9, 9], [30, 20, 8, 20]]];
  const maps = [noise!, smooth!, smooth!];
  const results = await onGpu(maps.slice(0, 1), 17, [{ image, boxes: boxes[0]! }]);
  closeEnough(results[0]!, gridStatistics(noise!, 17, image, boxes[0]!), "alone");
  const gpu = await testGpu();
  const sums = new ScoreSums(gpu, 17, boxes.map((boxes) => ({ image, boxes })));
  const all = Float32Array.from(maps.flatMap((map) => [...map]));
  const { words } = await runKernel(all, 4, (encoder, source) => sums.record(encoder, source), [
    { buffer: sums.sums, bytes: sums.sumBytes },
  ]);
  for (const i of [0, 2]) {
    closeEnough(
      sums.read(words[0]!, i),
      gridStatistics(maps[i]!, 17, image, boxes[i]!),
      `map ${i}`,
    );
  }
  sums.destroy();
});

Deno.test("hundreds of boxes are more tiles than one axis of a dispatch takes", async () => {
  const { smooth } = hardMaps(64, 64);
  const image = { width: 640, height: 640 };
  // Each box cuts both axes at two new lines: 261 x 261 pieces.
  const boxes = Array.from({ length: 130 }, (_, i): Box => [i, 2 * i, 500 - 2 * i, 600 - 4 * i]);
  const [statistics] = await onGpu([smooth!], 64, [{ image, boxes }]);
  closeEnough(statistics!, gridStatistics(smooth!, 64, image, boxes), "hundreds of boxes");
});
