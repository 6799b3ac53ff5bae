import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box, Size } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import { filledBox, regionOf } from "../../base/region.ts";
import { gaussianBlur } from "../../shaders/gaussian_cpu.ts";
import { type ProtocolName, scoreBoxesByProtocols, scoreByProtocols } from "../protocols.ts";
import { sharpen } from "../sharpen.ts";

interface Case {
  readonly heatmap: Float32Array;
  readonly side: number;
  readonly image: Size;
  readonly boxes: readonly Box[];
  readonly cover: number;
}

/** Random heatmaps, every other with zeros and ties, on images of several shapes. */
function* cases(count: number, seed: number): Iterable<Case> {
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    const side = random.integer(5, 40);
    const blobs = gaussianBlur(
      Float32Array.from({ length: side * side }, () => random.uniform()),
      ...[side, side, 1] as const,
    );
    const [low, high] = [Math.min(...blobs), Math.max(...blobs)];
    const heatmap = blobs.map((value) => {
      const share = (value - low) / (high - low);
      return i % 2 === 0 ? share : share < 0.5 ? 0 : Math.round(16 * share) / 16;
    });
    const image = { width: random.integer(20, 90), height: random.integer(20, 90) };
    const { width, height } = image;
    const boxes = Array.from({ length: random.integer(1, 4) }, (): Box => {
      const [x, y] = [random.integer(0, width - 2), random.integer(0, height - 2)];
      return [x, y, random.integer(1, width - x), random.integer(1, height - y)];
    });
    const shorter = Math.min(width, height);
    yield {
      heatmap,
      side,
      image,
      boxes,
      cover: i % 5 === 4 ? random.integer(9, shorter) : shorter,
    };
  }
}

function scoreOf({ heatmap, image, boxes, cover }: Case, name: ProtocolName, isMasked = true) {
  const options = { cover, isMasked, protocols: [name] };
  return scoreByProtocols(heatmap, image, boxes, options).protocols![name]!;
}

const isIn = (x: number, y: number, boxes: readonly Box[]) =>
  boxes.some(([left, top, w, h]) => x >= left && x < left + w && y >= top && y < top + h);

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Tells truth from background for a pixel of the frame, at its place in the image. */
type Marks = (x: number, y: number, across: number, down: number) => boolean;

/** Boxes on the frame of 518 pixels. */
function marksOf({ image: { width, height }, boxes }: Case): Marks {
  const scale = 518 / Math.max(width, height);
  const [left, top] = [width, height].map((length) =>
    Math.floor((518 - Math.trunc(length * scale)) / 2)
  ) as [number, number];
  const placed = boxes.map(([x, y, w, h]): Box => [
    Math.floor(x * scale + left),
    Math.floor(y * scale + top),
    Math.floor(w * scale),
    Math.floor(h * scale),
  ]);
  return (x, y) => isIn(x, y, placed);
}

/**
 * The protocol of AFLoc, pixel by pixel of the frame. The evaluator of kaf-ground itself ran beside
 * `scoreByProtocols()` on 200 random grids with random boxes, with PyTorch 2.15, SciPy 1.17 and
 * thresholds in float32. No mIoU, Dice or hit differed, with sharpening and without; CNR differed by
 * at most 2.5e-7.
 *
 * @param isSharpened The pixels that count are sharpened.
 */
function aepByHand(
  { heatmap, side, image: { width, height }, cover }: Case,
  isTruth: Marks,
  isSharpened = false,
) {
  const longest = Math.max(width, height);
  const scale = 518 / longest;
  const [left, top] = [width, height].map((length) =>
    Math.floor((518 - Math.trunc(length * scale)) / 2)
  ) as [number, number];
  const grid = gaussianBlur(heatmap, side, side, 1.5);
  const at = (i: number, j: number) => grid[Math.min(j, side - 1) * side + Math.min(i, side - 1)]!;
  // PyTorch rounds each step to float32, but for the first product of a sum.
  const step = Math.fround(side * longest / (cover * 518));
  const points = (first: number, length: number) => {
    const start = first + Math.floor((length - cover) / 2) * 518 / longest;
    return Array.from({ length: 453 }, (_, i) => {
      const near = Math.fround(step * Math.fround(32 + i + 0.5 - start));
      return Math.min(Math.max(Math.fround(near - 0.5), 0), side - 1);
    });
  };
  const [columns, rows] = [points(left, width), points(top, height)] as const;
  const blend = (one: number, other: number, share: number) =>
    Math.fround(one * Math.fround(1 - share) + Math.fround(other * share));
  const values: number[] = [];
  const truth: number[] = [];
  for (let y = 32; y < 32 + 453; y++) {
    for (let x = 32; x < 32 + 453; x++) {
      const [across, down] = [(x + 0.5 - left) / scale, (y + 0.5 - top) / scale];
      const right = across - Math.floor((width - cover) / 2);
      const below = down - Math.floor((height - cover) / 2);
      if (right < 0 || right >= cover || below < 0 || below >= cover) continue;
      const [u, v] = [columns[x - 32]!, rows[y - 32]!];
      const [column, row] = [Math.floor(u), Math.floor(v)];
      const line = (j: number) => blend(at(column, j), at(column + 1, j), u - column);
      values.push(blend(line(row), line(row + 1), v - row));
      truth.push(Number(isTruth(x, y, Math.floor(across), Math.floor(down))));
    }
  }
  const toUnits = (values: readonly number[]) => {
    const low = values.reduce((a, b) => Math.min(a, b));
    const range = Math.fround(values.reduce((a, b) => Math.max(a, b)) - low);
    return values.map((value) =>
      Math.fround(Math.fround(Math.fround(Math.fround(value - low) / range) * 2) - 1)
    );
  };
  const plain = toUnits(values);
  const scaled = isSharpened ? toUnits(sharpenByHand(values)) : plain;
  const truths = truth.reduce((sum, value) => sum + value, 0);
  const overlaps = [0.1, 0.2, 0.3, 0.4, 0.5].map(Math.fround).map((threshold) => {
    let [above, both] = [0, 0];
    scaled.forEach((value, i) => {
      above += Number(value > threshold);
      both += Number(value > threshold && truth[i] === 1);
    });
    return above === 0 || truths === 0
      ? [NaN, NaN]
      : [both / (above + truths - both), 2 * both / (above + truths)];
  });
  const [inside, outside] = [1, 0].map((side) => {
    const own = scaled.filter((_, i) => truth[i] === side);
    const middle = mean(own);
    return { middle, variance: mean(own.map((value) => (value - middle) ** 2)) };
  });
  return {
    miou: mean(overlaps.map(([iou]) => iou!)),
    dice: mean(overlaps.map(([, dice]) => dice!)),
    cnr: (inside!.middle - outside!.middle) / Math.sqrt(inside!.variance + outside!.variance),
    hit: truth[plain.reduce((best, value, i) => value > plain[best]! ? i : best, 0)]!,
  };
}

/** Sums float32 values as NumPy does: halves of whole eights down to 128, then eight columns. */
function sumByHand(values: readonly number[]): number {
  const { length } = values;
  if (length > 128) {
    const half = 8 * Math.floor(length / 16);
    return Math.fround(sumByHand(values.slice(0, half)) + sumByHand(values.slice(half)));
  }
  const add = (one: number, other: number) => Math.fround(one + other);
  const even = values.slice(0, 8 * Math.floor(length / 8));
  const columns = [0, 1, 2, 3, 4, 5, 6, 7].map((column) =>
    even.filter((_, i) => i % 8 === column).reduce(add, 0)
  );
  const pairs = [0, 2, 4, 6].map((i) => add(columns[i]!, columns[i + 1]!));
  const whole = add(add(pairs[0]!, pairs[1]!), add(pairs[2]!, pairs[3]!));
  return values.slice(even.length).reduce(add, whole);
}

/** Sharpens values by the published formula, each step in float32. */
function sharpenByHand(values: readonly number[]): number[] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const range = Math.fround(values.reduce((a, b) => Math.max(a, b)) - low);
  if (range === 0) return values.map(() => 0.5);
  const u = values.map((value) => Math.fround(Math.fround(value - low) / range));
  const average = (values: readonly number[]) => Math.fround(sumByHand(values) / values.length);
  const middle = average(u);
  const variance = average(u.map((value) => Math.fround(Math.fround(value - middle) ** 2)));
  const limit = Math.fround(middle + Math.fround(Math.sqrt(variance)));
  const above = u.filter((value) => value > limit).length / u.length;
  const share = above < 0.001 ? 0.001 : above > 0.6 ? 0.6 : above;
  const sorted = u.toSorted((a, b) => a - b);
  const at = (1 - share) * (u.length - 1);
  const [before, after] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  const center = Math.fround(before * (1 - at % 1) + after * (at % 1));
  return u.map((value) => {
    const z = Math.fround(96 * Math.fround(value - center));
    return Math.fround(
      1 / Math.fround(1 + Math.fround(Math.exp(z < -60 ? 60 : z > 60 ? -60 : -z))),
    );
  });
}

/** Compares the numbers of an entry; NaN equals NaN. */
function assertNumbers(actual: Readonly<Record<string, number>>, expected: object): void {
  for (const [name, value] of Object.entries(expected)) {
    if (Number.isNaN(value)) assert(Number.isNaN(actual[name]), name);
    else assertAlmostEquals(actual[name]!, value, 1e-6, name);
  }
}

Deno.test("aep: the frame of 518 pixels, pixel by pixel", () => {
  let undefinedMeans = 0;
  for (const one of cases(200, 1)) {
    const [found] = scoreOf(one, "aep");
    assertNumbers(found!, aepByHand(one, marksOf(one)));
    undefinedMeans += Number(Number.isNaN(found!.miou!));
  }
  assert(undefinedMeans > 0 && undefinedMeans < 40, `${undefinedMeans}`);
});

Deno.test("aep sharpens the pixels that count, and takes the hit before", () => {
  for (const one of cases(20, 6)) {
    const { heatmap, image, boxes, cover } = one;
    const options = { cover, protocols: ["aep"] as const, unlifted: heatmap.slice() };
    const { protocols } = scoreByProtocols(heatmap, image, boxes, options);
    assertNumbers(protocols!.aep![0]!, aepByHand(one, marksOf(one), true));
  }
});

Deno.test("sharpen() is the published formula on any map", () => {
  for (const { heatmap } of cases(60, 7)) {
    const map = heatmap.map((value) => 8 * value - 3);
    assertEquals([...sharpen(map)], sharpenByHand([...map]));
  }
  assertEquals([...sharpen(new Float32Array(4).fill(7))], [0.5, 0.5, 0.5, 0.5]);
});

Deno.test("aep takes a region by the centres of the frame's pixels", () => {
  for (const one of cases(20, 2)) {
    const { image: { width, height }, heatmap, image, boxes, cover } = one;
    const isMarked = (x: number, y: number) => isIn(x, y, boxes) && (x + y) % 7 > 0;
    const mask = Array.from(
      { length: width * height },
      (_, i) => Number(isMarked(i % width, Math.floor(i / width))),
    );
    const region = regionOf(mask, image);
    // A region that is a rectangle counts as a box.
    if (!mask.includes(1) || filledBox(region)) continue;
    const options = { cover, protocols: ["aep"] as const };
    const { protocols } = scoreByProtocols(heatmap, image, region, options);
    const expected = aepByHand(one, (_x, _y, across, down) => isMarked(across, down));
    assertNumbers(protocols!.aep![0]!, expected);
  }
});

Deno.test("aep of a constant map has no overlap and no contrast", () => {
  const image = { width: 60, height: 50 };
  const options = { protocols: ["aep"] as const };
  const { protocols } = scoreByProtocols(
    new Float32Array(64).fill(0.3),
    image,
    [[20, 10, 20, 20]],
    options,
  );
  assertEquals(protocols!.aep, [{ miou: NaN, dice: NaN, cnr: 0, hit: 0 }]);
});

Deno.test("chex: areas on a frame of 1024 pixels, pixel by pixel", () => {
  for (const one of cases(200, 3)) {
    const { heatmap, side, image: { width, height }, cover } = one;
    const [left, top] = [width, height].map((length) => Math.floor((length - cover) / 2)) as [
      number,
      number,
    ];
    const cut = (at: number) => Math.trunc(1024 * Math.min(Math.max(at, 0), cover) / cover);
    const placed = one.boxes.map(([x, y, w, h]): Box => {
      const [from, to] = [cut(x - left), cut(x - left + w)];
      const [first, last] = [cut(y - top), cut(y - top + h)];
      return [from, first, to - from, last - first];
    });
    // Numbers of thresholds that each pixel of the heatmap exceeds, outside the truth and inside.
    const levels = [...heatmap].map((value) =>
      [0.1, 0.2, 0.3, 0.4, 0.5].filter((level) => value > Math.fround(level)).length
    );
    const counts = [new Float64Array(6), new Float64Array(6)];
    const sources = Array.from(
      { length: 1024 },
      (_, at) => Math.min(Math.floor(Math.fround(at * Math.fround(side / 1024))), side - 1),
    );
    const isTruth = new Uint8Array(1024);
    for (let y = 0; y < 1024; y++) {
      isTruth.fill(0);
      for (const [left, top, w, h] of placed) {
        if (y >= top && y < top + h) isTruth.fill(1, left, left + w);
      }
      for (let x = 0; x < 1024; x++) {
        counts[isTruth[x]!]![levels[sources[y]! * side + sources[x]!]!]!++;
      }
    }
    const from = (side: number, level: number) =>
      counts[side]!.slice(level).reduce((sum, count) => sum + count, 0);
    const shared = [1, 2, 3, 4, 5].map((level) => from(1, level));
    const covered = [1, 2, 3, 4, 5].map((level) => from(1, 0) + from(0, level));
    const [found] = scoreOf(one, "chex");
    for (let i = 0; i < 5; i++) {
      assertAlmostEquals(found![`shared${i + 1}`]!, shared[i]!, 1e-6);
      assertAlmostEquals(found![`covered${i + 1}`]!, covered[i]!, 1e-6);
    }
  }
});

Deno.test("chex takes a region in shares of the square, and boxes above each threshold", () => {
  const image = { width: 64, height: 64 };
  const corner = regionOf(
    Array.from({ length: 64 * 64 }, (_, i) => Number(i % 64 + Math.floor(i / 64) < 40)),
    image,
  );
  const heatmap = Float32Array.of(0.35, 0, 0, 0);
  const { protocols } = scoreByProtocols(heatmap, image, corner, { protocols: ["chex"] });
  const [{ shared3, covered3, shared4, covered4 }] = protocols!.chex as [Record<string, number>];
  const inside = Array.from({ length: 32 }, (_, y) => Math.min(32, Math.max(40 - y, 0)))
    .reduce((sum, count) => sum + count, 0);
  const all = 40 * 41 / 2;
  assertEquals([shared3, covered3], [256 * inside, 256 * (32 * 32 + all - inside)]);
  assertEquals([shared4, covered4], [0, 256 * all]);
  const found = { predicted: [[0, 0, 32, 32], [32, 32, 8, 8]] as Box[], confidence: [0.45, 0.2] };
  const truth: Box[] = [[16, 0, 32, 32]];
  const entry = scoreBoxesByProtocols(found, truth, image, ["chex"]).protocols!.chex![0]!;
  assertEquals([entry.shared1, entry.covered1], [256 * 16 * 32, 256 * (48 * 32 + 64)]);
  assertEquals([entry.shared2, entry.covered2], [256 * 16 * 32, 256 * 48 * 32]);
  assertEquals([entry.shared5, entry.covered5], [0, 256 * 32 * 32]);
});

/** Labels of connected pixels by spreading labels until none changes, as lists of pixels. */
function label(isSet: readonly boolean[], side: number, hasCorners: boolean): number[][] {
  const labels = isSet.map((value, i) => value ? i : -1);
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const [i, own] of labels.entries()) {
      if (own < 0) continue;
      for (
        const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [1, -1], [-1, -1]]
      ) {
        const [x, y] = [i % side + dx!, Math.floor(i / side) + dy!];
        if (
          x < 0 || y < 0 || x >= side || y >= side || !hasCorners && dx !== 0 && dy !== 0
        ) continue;
        const other = labels[y * side + x]!;
        if (other < 0 || other >= labels[i]!) continue;
        labels[i] = other;
        isChanged = true;
      }
    }
  }
  return [...Map.groupBy(labels.keys(), (i) => labels[i]!)].filter(([name]) => name >= 0)
    .map(([, pixels]) => pixels);
}

/** The image's pixels that show a box of heatmap pixels. */
function spread({ side, image, cover }: Case, pixels: readonly number[]): Box {
  const edges = (length: number, of: (pixel: number) => number) => {
    const own = pixels.map(of);
    const shown = Array.from({ length: cover }, (_, i) => i).filter((i) => {
      const source = Math.floor(i * side / cover);
      return source >= Math.min(...own) && source <= Math.max(...own);
    });
    return shown.length === 0
      ? [0, 0]
      : [Math.floor((length - cover) / 2) + shown[0]!, shown.length];
  };
  const [x, width] = edges(image.width, (pixel) => pixel % side);
  const [y, height] = edges(image.height, (pixel) => Math.floor(pixel / side));
  return [x!, y!, width!, height!];
}

/** IoU of what two sets of boxes cover, pixel by pixel. */
function unionOf({ width, height }: Size, one: readonly Box[], other: readonly Box[]): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const [a, b] = [isIn(x, y, one), isIn(x, y, other)];
    both += Number(a && b);
    either += Number(a || b);
  }
  return both / either;
}

Deno.test("union and ap take the parts of the mask that hang together at their edges", () => {
  for (const one of cases(200, 4)) {
    const parts = label([...one.heatmap].map((value) => value > 0), one.side, false);
    const scored = parts.map((pixels) => ({
      box: spread(one, pixels),
      score: mean(pixels.map((i) => one.heatmap[i]!)),
    }));
    const [{ iouUnion }] = scoreOf(one, "union") as [Record<string, number>];
    const expected = unionOf(one.image, scored.map(({ box }) => box), one.boxes);
    assertAlmostEquals(iouUnion!, expected, 1e-9);
    const scores = scored.map(({ score }) => score).sort((a, b) => b - a).slice(0, 100);
    const found = scoreOf(one, "ap");
    assertEquals(found.length, scores.length);
    found.forEach(({ score }, i) => assertAlmostEquals(score!, scores[i]!, 1e-9));
    assertEquals(found.reduce((sum, { truths }) => sum + truths!, 0), one.boxes.length);
  }
});

Deno.test("boxes of a map without a mask are those of Otsu's threshold", () => {
  const heatmap = Float32Array.from({ length: 100 }, (_, i) => i === 44 ? 1 : i === 45 ? 0.9 : 0.1);
  const one = { heatmap, side: 10, image: { width: 100, height: 100 }, cover: 100 };
  const boxes: Box[] = [[40, 40, 20, 10]];
  assertEquals(scoreOf({ ...one, boxes }, "union", false), [{ iouUnion: 1 }]);
  assertEquals(scoreOf({ ...one, boxes }, "union", true), [{ iouUnion: 0.02 }]);
  assertEquals(scoreOf({ ...one, boxes }, "rec", false), [{ iouFirst: 1, hitAt30: 1, hitAt50: 1 }]);
});

Deno.test("medfocus: parts of at least 16 pixels from the .9 quantile on", () => {
  let boxes = 0;
  for (const one of cases(200, 5)) {
    const values = [...one.heatmap].filter((value) => value !== 0).sort((a, b) => a - b);
    const at = 0.9 * (values.length - 1);
    const [low, high] = [values[Math.floor(at)]!, values[Math.ceil(at)]!];
    const threshold = low + (at - Math.floor(at)) * (high - low);
    const parts = label([...one.heatmap].map((value) => value >= threshold), one.side, true)
      .filter((pixels) => pixels.length >= 16)
      .sort((a, b) => b.length - a.length).slice(0, 10).map((pixels) => spread(one, pixels));
    const [{ iouUnion }] = scoreOf(one, "medfocus") as [Record<string, number>];
    assertAlmostEquals(iouUnion!, unionOf(one.image, parts, one.boxes), 1e-9);
    boxes += parts.length;
  }
  assert(boxes > 100);
});

Deno.test("existence keeps the map before it was scaled; a phrase without truth is negative", () => {
  const raw = Float32Array.of(-2, 0, 3, 5);
  const options = { raw, protocols: ["existence", "union", "n-acc", "t-acc", "f1-one"] as const };
  const heatmap = Float32Array.of(0, 0, 0.5, 1);
  const image = { width: 8, height: 8 };
  const { protocols } = scoreByProtocols(heatmap, image, [[0, 0, 4, 4]], options);
  const range = { low: -2, peak: 5, mean: 1.5 };
  assertEquals(protocols!.existence, [{ present: 1, ...range }]);
  assertEquals([protocols!["n-acc"], protocols!["t-acc"]], [[], [{ something: 1 }]]);
  const found = { predicted: [[1, 1, 2, 2], [3, 3, 1, 1]] as Box[], confidence: [0.25, 0.75] };
  const further = (found: { predicted: readonly Box[] }) =>
    scoreBoxesByProtocols(found, [], image, options.protocols).protocols;
  assertEquals(further(found), {
    ...{ existence: [{ present: 0, low: 0.25, peak: 0.75, mean: 0.5 }] },
    ...{ union: [], "n-acc": [{ nothing: 0 }], "t-acc": [], "f1-one": [{ allMatch: 0 }] },
  });
  assertEquals(further({ predicted: [] }), {
    ...{ existence: [{ present: 0, low: 0, peak: 0, mean: 0 }] },
    ...{ union: [], "n-acc": [{ nothing: 1 }], "t-acc": [], "f1-one": [{ allMatch: 1 }] },
  });
});
