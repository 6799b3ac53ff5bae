import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Box, Size } from "../base/geometry.ts";
import type { Margin } from "../shaders/metrics_cpu.ts";
import { largestComponentBox } from "./component_box.ts";
import { type ProtocolName, PROTOCOLS, scoreByProtocols } from "./protocols.ts";
import { Random } from "../base/random.ts";
import { scoreHeatmap } from "./score_heatmap.ts";

const SIDE = 16;

interface Case {
  readonly heatmap: Float32Array;
  readonly image: Size;
  readonly boxes: readonly Box[];
  readonly margin: Margin;
}

/**
 * Random heatmaps with many zeros and ties, like a heatmap after its threshold, on images of
 * several shapes.
 */
function* cases(): Iterable<Case> {
  const random = new Random(5);
  const sizes = [[40, 40], [37, 50], [61, 33], [11, 13], [16, 16]];
  for (const [i, [width, height]] of [...sizes, ...sizes, ...sizes].entries()) {
    const heatmap = Float32Array.from({ length: SIDE * SIDE }, () => {
      const value = random.uniform();
      return value < 0.5 ? 0 : Math.round(8 * value) / 8;
    });
    const boxes = Array.from({ length: random.integer(1, 3) }, (): Box => {
      const [x, y] = [random.integer(0, width! - 1), random.integer(0, height! - 1)];
      return [x, y, random.integer(1, width! - x), random.integer(1, height! - y)];
    });
    const image = { width: width!, height: height! };
    yield { heatmap, image, boxes, margin: i % 2 ? "zero" : "excluded" };
  }
}

/** Lays the heatmap over the image pixel by pixel; NaN outside the centre square. */
function overImage({ heatmap, image, margin }: Case, visible?: number): number[] {
  const { width, height } = image;
  const side = Math.min(width, height);
  const shown = visible ?? side;
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isShown = (at: number, length: number) => {
      const start = Math.floor((length - shown) / 2);
      return at >= start && at < start + shown;
    };
    if (!isShown(x, width) || !isShown(y, height)) return margin === "zero" ? 0 : NaN;
    const source = (at: number, length: number) =>
      Math.floor((at - Math.floor((length - side) / 2)) * SIDE / side);
    return heatmap[source(y, height) * SIDE + source(x, width)]!;
  });
}

/** Returns for each pixel of the image whether it is in a box. */
function truth({ width, height }: Size, boxes: readonly Box[]): boolean[] {
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return boxes.some(([left, top, w, h]) => x >= left && x < left + w && y >= top && y < top + h);
  });
}

/** Returns the scores of one protocol. */
function score({ heatmap, image, boxes, margin }: Case, name: ProtocolName) {
  const { protocols } = scoreByProtocols(heatmap, image, boxes, { margin, protocols: [name] });
  return protocols![name]!;
}

/** Computes the paper's scores for one box, pixel by pixel. */
function paperScores(map: readonly number[], inside: readonly boolean[]) {
  const values = (isInside: boolean) =>
    map.filter((value, i) => inside[i] === isInside && !Number.isNaN(value));
  const [hits, misses] = [values(true), values(false)];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = (values: number[]) => mean(values.map((value) => (value - mean(values)) ** 2));
  const contrast = (mean(hits) - mean(misses)) / Math.sqrt(variance(hits) + variance(misses));
  const cnr = Number.isFinite(contrast) ? contrast : 0;
  const miou = mean([0.1, 0.2, 0.3, 0.4, 0.5].map((level) => {
    const above = (value: number) => value > Math.fround(level);
    const shared = hits.filter(above).length;
    return shared / (inside.filter(Boolean).length + misses.filter(above).length);
  }));
  return { cnr, absCnr: Math.abs(cnr), miou };
}

Deno.test("per-box: each box is scored as if it were alone", () => {
  for (const one of cases()) {
    const { heatmap, image, boxes, margin } = one;
    const expected = boxes.map((box) => scoreHeatmap(heatmap, image, [box], { margin }));
    assertEquals(score(one, "per-box"), expected.map((scores) => ({ ...scores })));
  }
});

for (const [name, crop] of [["biovil", 480], ["biovil-t", 448]] as const) {
  Deno.test(`${name}: only what ${crop} of 512 pixels show counts`, () => {
    const counts = [0, 0];
    for (const one of cases()) {
      const box = one.boxes[0]!;
      const side = Math.min(one.image.width, one.image.height);
      const visible = Math.floor(crop * side / 512);
      const map = overImage(one, visible);
      const inside = truth(one.image, [box]);
      const shown = overImage({ ...one, margin: "excluded" }, visible);
      const isSeen = inside.some((isInside, i) => isInside && !Number.isNaN(shown[i]));
      const scores = score({ ...one, boxes: [box] }, name);
      counts[Number(isSeen)]!++;
      assertEquals(scores.length, Number(isSeen));
      if (!isSeen) continue;
      for (const [key, value] of Object.entries(paperScores(map, inside))) {
        assertAlmostEquals(scores[0]![key]!, value, 1e-9, key);
      }
    }
    assertEquals(counts.every((count) => count > 0), true);
  });
}

Deno.test("pixel-auc: the share of pairs of pixels in the right order", () => {
  for (const one of cases()) {
    const map = overImage(one);
    const inside = truth(one.image, one.boxes);
    const values = (isInside: boolean) =>
      map.filter((value, i) => inside[i] === isInside && !Number.isNaN(value));
    const [hits, misses] = [values(true), values(false)];
    let pairs = 0;
    for (const hit of hits) for (const miss of misses) pairs += (Math.sign(hit - miss) + 1) / 2;
    const total = hits.length * misses.length;
    const [{ exact, binned }] = score(one, "pixel-auc") as [Record<string, number>];
    assertAlmostEquals(exact!, total === 0 ? 0.5 : pairs / total, 1e-12);
    assertEquals(
      binned,
      scoreHeatmap(one.heatmap, one.image, one.boxes, { margin: one.margin }).aucRoc,
    );
  }
  const negative = {
    heatmap: new Float32Array(SIDE * SIDE).fill(-1),
    image: { width: 16, height: 16 },
  };
  negative.heatmap[0] = -0.5;
  const boxes: Box[] = [[0, 0, 1, 1]];
  assertEquals(score({ ...negative, boxes, margin: "excluded" }, "pixel-auc")[0]!.exact, 1);
});

Deno.test("pointing-game: whether the first of the highest pixels lies in a box", () => {
  const counts = [0, 0];
  for (const one of cases()) {
    const map = overImage({ ...one, margin: "zero" });
    const at = map.indexOf(Math.max(...map));
    const hit = Number(truth(one.image, one.boxes)[at]);
    assertEquals(score(one, "pointing-game"), [{ hit }]);
    counts[hit]!++;
  }
  assertEquals(counts.every((count) => count > 0), true);
  const nothing = { heatmap: new Float32Array(SIDE * SIDE), image: { width: 16, height: 16 } };
  const all: Box[] = [[0, 0, 16, 16]];
  assertEquals(score({ ...nothing, boxes: all, margin: "excluded" }, "pointing-game"), [{
    hit: 0,
  }]);
});

Deno.test("largest-component-box: the box of the most pixels that hang together", () => {
  for (const one of cases()) {
    // Spread labels to neighbours until no label changes.
    const labels = [...one.heatmap].map((value, i) => value > 0 ? i : -1);
    for (let isChanged = true; isChanged;) {
      isChanged = false;
      for (const [i, label] of labels.entries()) {
        if (label < 0) continue;
        for (const [j, other] of labels.entries()) {
          const [dx, dy] = [i % SIDE - j % SIDE, Math.floor(i / SIDE) - Math.floor(j / SIDE)];
          if (other < 0 || other >= label || Math.abs(dx) > 1 || Math.abs(dy) > 1) continue;
          labels[i] = other;
          isChanged = true;
        }
      }
    }
    const components = [...Map.groupBy(labels.keys(), (i) => labels[i]!)]
      .filter(([label]) => label >= 0).map(([, pixels]) => pixels);
    const largest = components.sort((a, b) => b.length - a.length)[0]!;
    const [xs, ys] = [largest.map((i) => i % SIDE), largest.map((i) => Math.floor(i / SIDE))];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const box: Box = [left, top, Math.max(...xs) - left + 1, Math.max(...ys) - top + 1];
    assertEquals(largestComponentBox(one.heatmap, SIDE), box);
    // Lay the box over the image as if the box were a heatmap.
    const filled = one.heatmap.map((_, i) => {
      const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
      return Number(x >= left && x < left + box[2] && y >= top && y < top + box[3]);
    });
    const predicted = overImage({ ...one, heatmap: filled, margin: "zero" }).map(Boolean);
    const iou = (boxes: readonly Box[]) => {
      const inside = truth(one.image, boxes);
      const shared = inside.filter((isInside, i) => isInside && predicted[i]).length;
      return shared / inside.filter((isInside, i) => isInside || predicted[i]).length;
    };
    const area = ([, , width, height]: Box) => width * height;
    const [biggest] = one.boxes.toSorted((a, b) => area(b) - area(a));
    const [{ iouUnion, iouLargest }] = score(one, "largest-component-box") as [
      Record<string, number>,
    ];
    assertAlmostEquals(iouUnion!, iou(one.boxes), 1e-12);
    assertAlmostEquals(iouLargest!, iou([biggest!]), 1e-12);
  }
  assertEquals(largestComponentBox(new Float32Array(4), 2), undefined);
});

Deno.test("scoreByProtocols() does not change the paper's scores, and names an unknown protocol", () => {
  const protocols = Object.keys(PROTOCOLS) as ProtocolName[];
  for (const { heatmap, image, boxes, margin } of cases()) {
    const paper = scoreHeatmap(heatmap, image, boxes, { margin });
    assertEquals(scoreByProtocols(heatmap, image, boxes, { margin }), paper);
    const { protocols: further, ...own } = scoreByProtocols(heatmap, image, boxes, {
      ...{ margin, protocols },
    });
    assertEquals(own, paper);
    for (const [name, entries] of Object.entries(further!)) {
      const keys = [...PROTOCOLS[name as ProtocolName]].sort();
      for (const entry of entries) assertEquals(Object.keys(entry).sort(), keys);
    }
    assertThrows(
      () => scoreByProtocols(heatmap, image, boxes, { protocols: ["toString" as "biovil"] }),
      RangeError,
      'Cannot score by protocol "toString": expected one of per-box, biovil',
    );
  }
});
