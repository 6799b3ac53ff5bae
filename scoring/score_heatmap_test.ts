import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Box } from "../base/geometry.ts";
import { scoreHeatmap, type Scores } from "./score_heatmap.ts";

/**
 * Computes the scores by the released code's own steps: a map of the image's size with a NaN
 * margin. Boxes are erased in order, and every pixel is visited.
 */
function scoresByHand(
  heatmap: Float32Array,
  width: number,
  height: number,
  boxes: readonly Box[],
  cover?: "whole",
): Scores {
  const mapSide = Math.sqrt(heatmap.length);
  const side = Math.min(width, height);
  const [across, down] = cover ? [width, height] : [side, side];
  const left = Math.floor((width - across) / 2);
  const top = Math.floor((height - down) / 2);
  const source = (index: number, length: number) => {
    const scale = Math.fround(mapSide / length);
    return Math.min(Math.floor(Math.fround(index * scale)), mapSide - 1);
  };
  const map = new Float64Array(width * height).fill(NaN);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      map[(top + y) * width + left + x] = heatmap[
        source(y, down) * mapSide + source(x, across)
      ]!;
    }
  }
  const inBox = (index: number, [x, y, w, h]: Box) => {
    const column = index % width;
    const row = Math.floor(index / width);
    return column >= x && column < x + w && row >= y && row < y + h;
  };
  const truth = Array.from(
    map,
    (_, index) => boxes.some((box) => inBox(index, box)),
  );
  const count = (holds: (value: number, inside: boolean) => boolean) =>
    map.reduce(
      (total, value, index) => total + Number(holds(value, truth[index]!)),
      0,
    );

  const ious = [0.1, 0.2, 0.3, 0.4, 0.5].map((threshold) => {
    const limit = Math.fround(threshold);
    return count((value, inside) => value > limit && inside) /
      count((value, inside) => value > limit || inside);
  });

  const points = [
    [0, 0],
    ...[1, 0.75, 0.5, 0.25, 0].map((threshold) => [
      count((value, inside) => value >= threshold && !inside),
      count((value, inside) => value >= threshold && inside),
    ]),
  ] as [number, number][];
  let area = 0;
  for (let index = 1; index < points.length; index++) {
    const [before, after] = [points[index - 1]!, points[index]!];
    area += (after[0] - before[0]) * (after[1] + before[1]) / 2;
  }
  const whole = points[5]![0] * points[5]![1];

  const erased = map.slice();
  const ratios = boxes.map((box) => {
    const inside = moments(erased.filter((_, index) => inBox(index, box)));
    erased.forEach((_, index) => {
      if (inBox(index, box)) erased[index] = NaN;
    });
    const outside = moments(erased);
    const ratio = (inside.mean - outside.mean) /
      Math.sqrt(inside.variance + outside.variance);
    if (Number.isNaN(ratio)) return 0;
    return Math.max(-FLOAT32_MAX, Math.min(ratio, FLOAT32_MAX));
  });
  const mean = (values: readonly number[]) =>
    values.reduce((total, value) => total + value, 0) / values.length;
  return {
    absCnr: mean(ratios.map(Math.abs)),
    cnr: mean(ratios),
    miou: mean(ious),
    aucRoc: whole === 0 ? 0.5 : area / whole,
  };
}

const FLOAT32_MAX = 2 ** 128 - 2 ** 104;

function moments(values: Float64Array): { mean: number; variance: number } {
  const finite = values.filter((value) => !Number.isNaN(value));
  const total = finite.reduce((sum, value) => sum + value, 0);
  const mean = total / finite.length;
  const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / finite.length };
}

/** Returns a seeded generator of whole numbers from 0 to below a limit. */
function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
}

/** Values that equal the thresholds, lie between them, or are 0. */
const LEVELS = [0, 0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.37, 0.4, 0.5, 0.75, 0.9, 1];

Deno.test("scoreHeatmap() equals the released code's steps on image-sized maps", () => {
  const below = seeded(1);
  for (let round = 0; round < 120; round++) {
    const side = [1, 2, 5, 16, 31][round % 5]!;
    const heatmap = Float32Array.from(
      { length: side * side },
      () => LEVELS[below(LEVELS.length)]!,
    );
    const width = 1 + below(45);
    const height = 1 + below(45);
    const boxes = Array.from({ length: 1 + below(4) }, (): Box => {
      const x = below(3) === 0 ? 0 : below(width);
      const y = below(3) === 0 ? 0 : below(height);
      return [x, y, 1 + below(width - x), 1 + below(height - y)];
    });
    if (below(5) === 0) boxes.push(boxes[0]!);
    const cover = round % 3 === 0 ? "whole" : undefined;
    const actual = scoreHeatmap(heatmap, { width, height }, boxes, { ...(cover && { cover }) });
    const expected = scoresByHand(heatmap, width, height, boxes, cover);
    const message = JSON.stringify({ side, width, height, boxes, cover });
    for (const score of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
      // The released steps round a constant region's mean, so that its noise is not 0.
      if (score.endsWith("nr") && Math.abs(expected[score]) > 1e6) continue;
      assertAlmostEquals(actual[score], expected[score], 1e-6, message);
    }
  }
});

Deno.test("scoreHeatmap() is perfect on a heatmap equal to its box", () => {
  const heatmap = Float32Array.of(1, 0, 0, 0);
  const scores = scoreHeatmap(heatmap, { width: 8, height: 8 }, [[0, 0, 4, 4]]);
  // Neither region has noise: PyTorch's nan_to_num turns infinity into the largest float32.
  assertEquals(scores, {
    absCnr: FLOAT32_MAX,
    cnr: FLOAT32_MAX,
    miou: 1,
    aucRoc: 1,
  });
});

Deno.test("scoreHeatmap() has no contrast on a constant map", () => {
  for (const value of [0, 0.1, 1]) {
    const scores = scoreHeatmap(
      new Float32Array(17 * 17).fill(value),
      { width: 100, height: 77 },
      [[20, 10, 30, 30], [30, 20, 30, 30]],
    );
    assertEquals(scores.absCnr, 0);
    assertEquals(scores.cnr, 0);
    assertEquals(scores.aucRoc, 0.5);
  }
});

Deno.test("scoreHeatmap() of a box in the margin counts it as missed", () => {
  const scores = scoreHeatmap(
    new Float32Array(4).fill(1),
    { width: 20, height: 10 },
    [[0, 0, 5, 10]],
  );
  assertEquals(scores, { absCnr: 0, cnr: 0, miou: 0, aucRoc: 0.5 });
});

Deno.test("scoreHeatmap() counts the margin as 0 on request", () => {
  const heatmap = Float32Array.of(0.2, 0.8, 0.4, 0.6);
  const boxes: Box[] = [[3, 1, 5, 4]];
  const size = { width: 20, height: 10 };
  const zero = scoreHeatmap(heatmap, size, boxes, { margin: "zero" });
  // The same values as a square map: 5 columns of 0 on each side, rows doubled.
  const square = Float32Array.from({ length: 400 }, (_, index) => {
    const column = index % 20 - 5;
    const row = index < 200 ? 0 : 1;
    return column < 0 || column >= 10 ? 0 : heatmap[row * 2 + (column < 5 ? 0 : 1)]!;
  });
  const whole = scoreHeatmap(square, { width: 20, height: 20 }, [[3, 2, 5, 8]]);
  for (const score of ["absCnr", "cnr", "miou", "aucRoc"] as const) {
    assertAlmostEquals(zero[score], whole[score], 1e-12);
  }
});

Deno.test("scoreHeatmap() depends on the order of overlapping boxes", () => {
  const heatmap = Float32Array.from({ length: 16 }, (_, index) => index / 15);
  const size = { width: 16, height: 16 };
  const one: Box = [0, 0, 8, 8];
  const other: Box = [4, 4, 10, 10];
  const forth = scoreHeatmap(heatmap, size, [one, other]);
  const back = scoreHeatmap(heatmap, size, [other, one]);
  assertEquals(forth.miou, back.miou);
  assertEquals(Math.abs(forth.cnr - back.cnr) > 1e-3, true);
});

Deno.test("scoreHeatmap() cuts boxes at the right and bottom edge and drops fractions", () => {
  const heatmap = Float32Array.from({ length: 16 }, (_, index) => index / 15);
  const size = { width: 16, height: 20 };
  assertEquals(
    scoreHeatmap(heatmap, size, [[4.9, 5.5, 100, 100.2]]),
    scoreHeatmap(heatmap, size, [[4, 5, 12, 15]]),
  );
});

Deno.test("scoreHeatmap() refuses bad boxes and names them", () => {
  const heatmap = new Float32Array(4);
  const size = { width: 16, height: 20 };
  const good: Box = [0, 0, 4, 4];
  const cases: [Box, string][] = [
    [[NaN, 0, 4, 4], "box 1 [NaN, 0, 4, 4]: expected four finite numbers"],
    [[0, 0, Infinity, 4], "expected four finite numbers"],
    [[-1, 0, 4, 4], "box 1 [-1, 0, 4, 4]: expected no negative"],
    [[0, 0, 4, -4], "expected no negative"],
    [[0, 0, 0, 4], "at least 1 pixel"],
    [[0, 0, 4, 0.9], "at least 1 pixel"],
    [[16, 0, 4, 4], "outside the image of 16 x 20 pixels"],
    [[0, 20, 4, 4], "outside the image of 16 x 20 pixels"],
  ];
  for (const [box, message] of cases) {
    assertThrows(
      () => scoreHeatmap(heatmap, size, [good, box]),
      RangeError,
      message,
    );
  }
  assertThrows(
    () => scoreHeatmap(heatmap, size, []),
    RangeError,
    "at least one box, got none",
  );
});

Deno.test("scoreHeatmap() refuses bad maps, sizes and options", () => {
  const boxes: Box[] = [[0, 0, 4, 4]];
  const size = { width: 16, height: 20 };
  const map = new Float32Array(4);
  assertThrows(
    () => scoreHeatmap(new Float32Array(6), size, boxes),
    RangeError,
    "square number of heatmap values, got 6",
  );
  assertThrows(
    () => scoreHeatmap(Float32Array.of(0, 0, NaN, 1), size, boxes),
    RangeError,
    "got NaN at index 2",
  );
  assertThrows(
    () => scoreHeatmap([0] as unknown as Float32Array, size, boxes),
    TypeError,
    "expected a Float32Array",
  );
  for (const width of [0, -3, 2.5, 1e6, NaN]) {
    assertThrows(
      () => scoreHeatmap(map, { width, height: 20 }, boxes),
      RangeError,
      `image width of 1..65535 pixels, got ${width}`,
    );
  }
  assertThrows(
    () => scoreHeatmap(map, size, boxes, { margin: "nan" as "zero" }),
    RangeError,
    'got "nan"',
  );
});
