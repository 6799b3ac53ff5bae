import { assert, assertEquals } from "@std/assert";
import { HEAT_COLORS } from "../../reports/figures/heat_colors.ts";
import { COLOR_MAPS } from "./color_maps.ts";
import { outlineOf, paintGray, paintHeatmap, paintMap } from "./paint.ts";
import { type Attended, cut, isAttended, smooth } from "./shown.ts";

Deno.test("paintGray() spreads grey between black and white", () => {
  const gray = { data: Uint8Array.of(0, 100, 150, 255), width: 2, height: 2 };
  const levels = (black: number, white: number) =>
    [...paintGray(gray, black, white)].filter((_, i) => i % 4 === 0);
  assertEquals(levels(0, 255), [0, 100, 150, 255]);
  assertEquals(levels(100, 200), [0, 0, 128, 255]);
  const inverted = [...paintGray(gray, 100, 200, true)].filter((_, i) => i % 4 === 0);
  assertEquals(inverted, [255, 255, 128, 0]);
});

Deno.test("paintHeatmap() makes the outside of the mask clear, and cooler parts clearer", () => {
  const pixels = paintHeatmap(Float32Array.of(0, 1, 0.25), HEAT_COLORS, 0.5);
  assertEquals([...pixels.subarray(0, 8)], [0, 0, 0, 0, ...HEAT_COLORS[255]!, 128]);
  assertEquals(pixels[11], 64);
});

Deno.test("paintMap() spreads a map over all colours, and a constant one over none", () => {
  const [low, high] = [[...HEAT_COLORS[0]!, 255], [...HEAT_COLORS[255]!, 255]];
  assertEquals([...paintMap(Float32Array.of(3, 5), HEAT_COLORS)], [...low, ...high]);
  assertEquals([...paintMap(Float32Array.of(4, 4), HEAT_COLORS)], [...low, ...low]);
});

Deno.test("COLOR_MAPS begin with that of every picture, and each is a colour map", () => {
  assertEquals(COLOR_MAPS[0]!.colors, HEAT_COLORS);
  for (const { name, colors } of COLOR_MAPS) {
    assertEquals(colors.length, 256, name);
    const isByte = (part: number) => Number.isInteger(part) && part >= 0 && part <= 255;
    assert(colors.every((color) => color.length === 3 && color.every(isByte)), name);
    // Neighbouring colours are similar, so no value was misread.
    const steps = colors.slice(1).map((color, i) =>
      Math.max(...color.map((part, j) => Math.abs(part - colors[i]![j]!)))
    );
    assert(Math.max(...steps) <= 16, name);
  }
});

Deno.test("outlineOf() goes around a mask, at the heatmap's edge too", () => {
  assertEquals(outlineOf(Float32Array.of(0, 0, 0, 1), 2), [
    [1, 1, 1, 2],
    [1, 1, 2, 1],
    [2, 1, 2, 2],
    [1, 2, 2, 2],
  ]);
});

Deno.test("smooth() and cut() finish a heatmap at any threshold, and leave a baseline's grid unchanged", () => {
  const side = 4;
  const data = Float32Array.from({ length: 16 }, (_, i) => i === 5 ? 1 : i / 100);
  const shown: Attended = {
    ...{ title: "phrase", image: "x.png", facts: "", size: 16, isGrid: false },
    ...{ boxes: [], settings: {}, notes: [] },
    gray: { data: new Uint8Array(1), width: 1, height: 1 },
    original: { width: 40, height: 32 },
    crop: { x: 4, y: 0, side: 32 },
    layers: [{ layer: 0, side, data }],
  };
  const finish = (shown: Attended, sigma: number, threshold: "otsu" | number) =>
    cut(smooth(shown, sigma), threshold, shown);
  const area = (heatmap: Float32Array) => heatmap.filter((value) => value > 0).length;
  const otsu = finish(shown, 0, "otsu");
  const strict = finish(shown, 0, 0.9);
  assertEquals(area(strict.heatmap) < area(otsu.heatmap), true);
  assertEquals(strict.threshold, 0.9);
  const grid = finish({ ...shown, isGrid: true }, 3, 0.5);
  assertEquals([grid.size, area(grid.heatmap)], [side, 1]);
  assertEquals(grid.originalBox, [12, 8, 8, 8]);
  const own = cut(smooth(shown, 0), "otsu", { ...shown, cutAt: 0.9 });
  assertEquals([own.heatmap, own.threshold, own.isOtsu], [strict.heatmap, 0.9, false]);
  const uncut = cut(smooth(shown, 0), "otsu", { ...shown, cutAt: false });
  assertEquals([uncut.heatmap === uncut.normalised, uncut.threshold], [true, undefined]);
  // A report's heatmap is smaller than its mask as scored, which stands for Otsu's cut.
  const scored = Uint8Array.from({ length: 64 }, (_, i) => i < 8 ? 1 : 0);
  const report = finish({ ...shown, isGrid: true, scored, size: 8 }, 3, "otsu");
  assertEquals([report.size, area(report.heatmap)], [8, 8]);
  assertEquals(report.originalBox, [4, 0, 32, 4]);
  const { layers: _, ...blank } = shown;
  assertEquals([isAttended(blank), isAttended(shown)], [false, true]);
});
