import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import { poolOf, type ProtocolName, PROTOCOLS, scoreBoxesByProtocols } from "../protocols.ts";

const IMAGE = { width: 80, height: 60 };

interface Case {
  readonly predicted: readonly Box[];
  readonly confidence: readonly number[];
  readonly truth: readonly Box[];
}

/** Random sets of boxes; predicted boxes lie near true boxes, and scores have ties. */
function* cases(count: number, seed: number): Iterable<Case> {
  const random = new Random(seed);
  const box = (): Box => {
    const [x, y] = [random.integer(0, 60), random.integer(0, 40)];
    return [x, y, random.integer(4, 20), random.integer(4, 20)];
  };
  for (let i = 0; i < count; i++) {
    const truth = Array.from({ length: random.integer(1, 4) }, box);
    const near = ([x, y, w, h]: Box): Box => [
      Math.max(x + random.integer(-2, 2), 0),
      Math.max(y + random.integer(-2, 2), 0),
      w + random.integer(-2, 3),
      h + random.integer(-2, 3),
    ];
    const predicted = Array.from(
      { length: random.integer(0, 5) },
      () => random.uniform() < 0.6 ? near(truth[random.integer(0, truth.length - 1)]!) : box(),
    );
    const confidence = predicted.map(() => random.integer(0, 20) / 20);
    yield { predicted, confidence, truth };
  }
}

function entriesOf({ truth, ...found }: Case, name: ProtocolName) {
  return scoreBoxesByProtocols(found, truth, IMAGE, [name]).protocols![name]!;
}

/** IoU of two boxes by their pixels. */
function iou(one: Box, other: Box): number {
  let [both, either] = [0, 0];
  for (let y = 0; y < 90; y++) {
    for (let x = 0; x < 110; x++) {
      const [a, b] = [one, other].map(([left, top, w, h]) =>
        x >= left && x < left + w && y >= top && y < top + h
      );
      both += Number(a && b);
      either += Number(a || b);
    }
  }
  return both / either;
}

const matrices = new WeakMap<Case, number[][]>();

function matrixOf(one: Case): number[][] {
  const { predicted, truth } = one;
  const matrix = matrices.get(one) ??
    predicted.map((box) => truth.map((other) => iou(box, other)));
  matrices.set(one, matrix);
  return matrix;
}

/** Largest number of pairs from a threshold on, by trying every assignment. */
function most(matrix: readonly number[][], threshold: number, row = 0, used = 0): number {
  if (row === matrix.length) return 0;
  const without = most(matrix, threshold, row + 1, used);
  const others = matrix[row]!.map((value, column) =>
    value >= threshold && (used >> column & 1) === 0
      ? 1 + most(matrix, threshold, row + 1, used | 1 << column)
      : 0
  );
  return Math.max(without, ...others);
}

/** Takes the pair with the highest IoU again and again, as the code of gRefCOCO does. */
function greedy(matrix: readonly number[][], isMatch: (value: number) => boolean): number[] {
  const left = matrix.map((row) => [...row]);
  const found: number[] = [];
  while (true) {
    let [best, i, j] = [-1, -1, -1];
    left.forEach((row, y) =>
      row.forEach((value, x) => {
        if (value > best) [best, i, j] = [value, y, x];
      })
    );
    if (i < 0 || !isMatch(best)) return found;
    found.push(best);
    left[i]!.fill(-1);
    for (const row of left) row[j] = -1;
  }
}

Deno.test("rec, set-f1, pq and f1-one of 200 random sets are those of every assignment", () => {
  const seen = { rec: 0, all: 0, greedy: 0 };
  for (const one of cases(200, 1)) {
    const { predicted, truth } = one;
    const matrix = matrixOf(one);
    const f1 = (threshold: number) => {
      const hits = most(matrix, threshold);
      const [precision, recall] = [hits / predicted.length || 0, hits / truth.length];
      return precision + recall === 0 ? 0 : 2 * precision * recall / (precision + recall);
    };
    const [{ f1At30, f1At50 }] = entriesOf(one, "set-f1") as [Record<string, number>];
    assertAlmostEquals(f1At30!, f1(0.3), 1e-12);
    assertAlmostEquals(f1At50!, f1(0.5), 1e-12);
    const first = matrix[0]?.[0] ?? 0;
    const isMarked = predicted.length > 0;
    assertEquals(entriesOf(one, "t-acc"), [{ something: Number(isMarked) }]);
    assertEquals(entriesOf({ ...one, truth: [] }, "n-acc"), [{ nothing: Number(!isMarked) }]);
    assertEquals([entriesOf(one, "n-acc"), entriesOf({ ...one, truth: [] }, "t-acc")], [[], []]);
    const rec = entriesOf(one, "rec");
    assertEquals(rec.length, Number(truth.length === 1));
    for (const { iouFirst, hitAt30, hitAt50 } of rec) {
      seen.rec++;
      assertAlmostEquals(iouFirst!, first, 1e-12);
      assertEquals([hitAt30, hitAt50], [Number(first >= 0.3), Number(first >= 0.5)]);
    }
    const matched = greedy(matrix, (value) => value > 0.5);
    const [{ overlap, ...counts }] = entriesOf(one, "pq") as [Record<string, number>];
    assertAlmostEquals(overlap!, matched.reduce((sum, value) => sum + value, 0), 1e-12);
    assertEquals(counts, {
      truePositives: matched.length,
      falsePositives: predicted.length - matched.length,
      falseNegatives: truth.length - matched.length,
    });
    const hits = greedy(matrix, (value) => value >= 0.5).length;
    const allMatch = Number(hits === predicted.length && hits === truth.length);
    assertEquals(entriesOf(one, "f1-one"), [{ allMatch }]);
    seen.all += allMatch;
    seen.greedy += Number(greedy(matrix, (value) => value >= 0.3).length < most(matrix, 0.3));
  }
  assert(Object.values(seen).every((count) => count > 0), JSON.stringify(seen));
});

Deno.test("both sets empty score 1, and one empty set scores 0", () => {
  const truth: Box[] = [[1, 1, 5, 5]];
  const names = ["union", "set-f1", "t-acc", "rec"] as const;
  const of = (predicted: readonly Box[]) =>
    scoreBoxesByProtocols({ predicted }, truth, undefined, names).protocols;
  assertEquals(of([]), {
    "union": [{ iouUnion: 0 }],
    "set-f1": [{ f1At30: 0, f1At50: 0 }],
    "t-acc": [{ something: 0 }],
    "rec": [{ iouFirst: 0, hitAt30: 0, hitAt50: 0 }],
  });
  assertEquals(of(truth)!.union, [{ iouUnion: 1 }]);
  const unknown = scoreBoxesByProtocols({ predicted: truth }, undefined, undefined, names);
  assertEquals(unknown.protocols!.union, []);
});

/** Samples as the rows that a pool takes, and how often each counts. */
function poolSamples(all: readonly Case[], name: ProtocolName, weights = all.map(() => 1)) {
  const rows = all.map((one) =>
    Float64Array.from(
      entriesOf(one, name).flatMap((entry) => PROTOCOLS[name].map((field) => entry[field]!)),
    )
  );
  return poolOf(name)!(rows)(weights);
}

const THRESHOLDS = Array.from({ length: 10 }, (_, i) => 0.5 + i * ((0.95 - 0.5) / 9));

/** Detections with their matches at a threshold, highest score first. */
function match(all: readonly Case[], threshold: number) {
  const found = all.flatMap((one, sample) => {
    const matrix = matrixOf(one);
    const order = [...one.predicted.keys()].sort((a, b) => one.confidence[b]! - one.confidence[a]!);
    const free = new Set(one.truth.keys());
    return order.map((i) => {
      const best = [...free].reduce<number | undefined>(
        (best, j) =>
          matrix[i]![j]! >= threshold && (best === undefined || matrix[i]![j]! >= matrix[i]![best]!)
            ? j
            : best,
        undefined,
      );
      if (best !== undefined) free.delete(best);
      return { score: one.confidence[i]!, isHit: best !== undefined, sample };
    });
  });
  return found.sort((a, b) => b.score - a.score);
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Average precision from its definition: for each recall the best precision from there on. */
function averagePrecision(all: readonly Case[], threshold: number): number {
  const truths = all.reduce((sum, { truth }) => sum + truth.length, 0);
  const found = match(all, threshold);
  const points = found.map((_, i) => {
    const hits = found.slice(0, i + 1).filter(({ isHit }) => isHit).length;
    return { recall: hits / truths, precision: hits / (i + 1) };
  });
  return mean(
    Array.from(
      { length: 101 },
      (_, i) =>
        points.filter(({ recall }) => recall >= (i === 100 ? 1 : i * 0.01))
          .reduce((best, { precision }) => Math.max(best, precision), 0),
    ),
  );
}

Deno.test("ap, froc and calibration of random boxes follow from their definitions", () => {
  for (let seed = 1; seed <= 6; seed++) {
    const all = [...cases(35, 10 + seed)];
    const [ap, at50, at40, from10] = poolSamples(all, "ap");
    assertAlmostEquals(ap!, mean(THRESHOLDS.map((t) => averagePrecision(all, t))), 1e-6);
    assertAlmostEquals(at50!, averagePrecision(all, 0.5), 1e-6);
    assertAlmostEquals(at40!, averagePrecision(all, 0.4), 1e-6);
    const tenths = [0.1, 0.2, 0.3, 0.4, ...[0, 2, 4].map((i) => THRESHOLDS[i]!)];
    assertAlmostEquals(from10!, mean(tenths.map((t) => averagePrecision(all, t))), 1e-6);
    assert(ap! > 0 && ap! < at50!);

    const found = match(all, 0.5);
    const truths = all.reduce((sum, { truth }) => sum + truth.length, 0);
    const recalls = [0.05, 0.1, 0.2].map((rate) => {
      const levels = found.map(({ score }) => score);
      const allowed = levels.filter((level) =>
        found.filter(({ score, isHit }) => score >= level && !isHit).length / all.length <=
          rate + 1e-12
      );
      const lowest = Math.min(...allowed);
      return found.filter(({ score, isHit }) => score >= lowest && isHit).length / truths;
    });
    poolSamples(all, "froc").forEach((value, i) => assertAlmostEquals(value, recalls[i]!, 1e-9));

    const bins = Map.groupBy(found, ({ score }) => Math.max(Math.ceil(score * 10), 1));
    const error = [...bins.values()].reduce((sum, own) => {
      const gap = mean(own.map(({ isHit }) => Number(isHit))) - mean(own.map(({ score }) => score));
      return sum + own.length / found.length * Math.abs(gap);
    }, 0);
    const [ece, brier] = poolSamples(all, "calibration");
    assertAlmostEquals(ece!, error, 1e-9);
    assertAlmostEquals(
      brier!,
      mean(found.map(({ score, isHit }) => (Number(isHit) - score) ** 2)),
      1e-9,
    );
  }
});

Deno.test("a pool with weights is a pool of the samples as often as they are drawn", () => {
  const all = [...cases(20, 3)];
  const random = new Random(4);
  const weights = all.map(() => random.integer(0, 3));
  const drawn = all.flatMap((one, i) => Array.from({ length: weights[i]! }, () => one));
  for (const name of ["ap", "froc", "calibration", "pq", "set-f1", "chex", "union"] as const) {
    const expected = poolSamples(drawn, name);
    poolSamples(all, name, weights).forEach((value, i) =>
      assertAlmostEquals(value, expected[i]!, 1e-9, name)
    );
  }
});

Deno.test("pq and chex pool sums, and have no number without boxes", () => {
  const pq = poolOf("pq")!([Float64Array.of(1.4, 2, 1, 0), Float64Array.of(0, 0, 1, 2)])([1, 1]);
  assertEquals(pq, [1.4 / 4, 0.7, 2 / 4]);
  assertEquals(poolOf("pq")!([Float64Array.of(0, 0, 0, 0)])([1]), [NaN, 0, NaN]);
  const rows = [
    Float64Array.of(...[1, 2, 1, 4, 0, 4, 0, 4, 0, 4]),
    Float64Array.of(...[2, 4, 1, 4, 1, 4, 0, 4, 0, 0]),
  ];
  const [miou] = poolOf("chex")!(rows)([1, 1]);
  assertAlmostEquals(miou!, (3 / 6 + 2 / 8 + 1 / 8) / 5, 1e-12);
  const empty = Float64Array.of(NaN, 0, 0);
  assertEquals(poolOf("ap")!([empty])([1]), [NaN, NaN, NaN, NaN]);
  assertEquals(poolOf("froc")!([empty])([1]), [NaN, NaN, NaN]);
  assertEquals(poolOf("calibration")!([empty])([1]), [NaN, NaN]);
  assertEquals(poolOf("ap")!([Float64Array.of(NaN, 0, 2)])([1]), [0, 0, 0, 0]);
});

Deno.test("existence: every pair of phrases, and the threshold of 95 % recall", () => {
  const random = new Random(6);
  for (let round = 0; round < 200; round++) {
    const all = Array.from({ length: random.integer(2, 60) }, () => {
      const isPresent = random.uniform() < 0.6;
      const score = () => random.integer(0, 12) / 4 + Number(isPresent);
      return { isPresent, peak: score(), mean: score() };
    });
    const rows = all.map(({ isPresent, peak, mean }) =>
      Float64Array.of(Number(isPresent), 0, peak, mean)
    );
    const found = poolOf("existence")!(rows)(all.map(() => 1));
    for (const [i, field] of (["peak", "mean"] as const).entries()) {
      const [hits, misses] = [true, false].map((side) =>
        all.filter(({ isPresent }) => isPresent === side).map((one) => one[field])
      ) as [number[], number[]];
      if (hits.length * misses.length === 0) {
        assertEquals(found.slice(2 * i, 2 * i + 2), [NaN, NaN]);
        continue;
      }
      const area = mean(
        hits.map((hit) => mean(misses.map((miss) => (Math.sign(hit - miss) + 1) / 2))),
      );
      assertAlmostEquals(found[2 * i]!, area, 1e-9);
      const levels = hits.filter((level) =>
        hits.filter((hit) => hit >= level).length / hits.length >= 0.95 - 1e-12
      );
      const threshold = Math.max(...levels);
      const share = misses.filter((miss) => miss >= threshold).length / misses.length;
      assertAlmostEquals(found[2 * i + 1]!, share, 1e-9);
    }
  }
});
