import { assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import { pixelAuc } from "../../scoring/pixel_auc.ts";
import { Random } from "../../base/random.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";
import { BINS, countPixels } from "./pixel_counts.ts";

Deno.test("countPixels comes to the pixels that mIoU and the exact AUC-ROC count", () => {
  const random = new Random(1);
  const side = 24;
  const image = { width: 90, height: 70 };
  // Two boxes overlap, and the third is partly outside the square.
  const boxes: Box[] = [[0, 5, 30, 20], [20, 10, 25, 30], [60, 40, 10, 30]];
  // The values are edges of bins but none of mIoU's thresholds, so that nothing is rounded.
  const heatmap = Float32Array.from({ length: side * side }, () => {
    const bin = random.integer(0, BINS - 1);
    return (bin === BINS / 2 ? 0 : bin) / BINS;
  });
  for (const margin of ["excluded", "zero"] as const) {
    const { inside, outside, boxPixels } = countPixels(heatmap, side, image, boxes, margin);
    let area = 0;
    for (let bin = 0; bin < BINS; bin++) {
      const [more, moreFalse] = [inside[bin + 1] ?? 0, outside[bin + 1] ?? 0];
      area += (outside[bin]! - moreFalse) * (inside[bin]! + more) / 2;
    }
    const exact = pixelAuc(heatmap, side, image, boxes, margin);
    assertAlmostEquals(area / (inside[0]! * outside[0]!), exact, 1e-12);
    const overlaps = [0.1, 0.2, 0.3, 0.4, 0.5].map((threshold) => {
      const bin = Math.floor(threshold * BINS) + 1;
      return inside[bin]! / (boxPixels + outside[bin]!);
    });
    const miou = overlaps.reduce((sum, value) => sum + value) / 5;
    assertAlmostEquals(miou, scoreHeatmap(heatmap, image, boxes, { margin }).miou, 1e-12);
    const counted = margin === "zero" ? 90 * 70 : 70 * 70;
    assertEquals(inside[0]! + outside[0]!, counted);
  }
});
