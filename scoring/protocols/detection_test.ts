import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import { Random } from "../../base/random.ts";
import { regionOf } from "../../base/region.ts";
import { scoreBoxesByProtocols, scoreProtocols } from "../protocols.ts";
import type { Entry } from "./box_sets.ts";
import { AP_THRESHOLDS } from "./box_sets.ts";
import { detectionPool } from "./pools.ts";

const IMAGE = { width: 100, height: 80 };

/** A sample: predicted boxes with scores, and the true boxes; `unplaced` has none that are known. */
interface Case {
  readonly predicted: readonly Box[];
  readonly confidence: readonly number[];
  readonly truth: readonly Box[] | "unplaced";
}

/** Random samples: a third lacks the class, some have it without a place. */
function cases(count: number, seed: number): Case[] {
  const random = new Random(seed);
  const box = (): Box => [
    ...[random.integer(0, 60), random.integer(0, 50)] as const,
    ...[random.integer(5, 40), random.integer(5, 30)] as const,
  ];
  return Array.from({ length: count }, (_, i) => {
    const boxes = Array.from({ length: random.integer(1, 3) }, box);
    const truth = i % 3 === 0 ? [] : i % 8 === 1 ? "unplaced" : boxes;
    // Predicted boxes are often true boxes that are shifted; scores tie now and then.
    const predicted = Array.from(
      { length: random.integer(0, 4) },
      (_, j): Box => {
        const [x, y, w, h] = boxes[j] ?? box();
        return [x + random.integer(0, 6), y + random.integer(0, 6), w, h];
      },
    );
    return { truth, predicted, confidence: predicted.map(() => random.integer(1, 12) / 12) };
  });
}

const FIELDS = ["present", "peak", "mean", "score", "matched", "truths"];

function poolOfCases(all: readonly Case[]): number[] {
  const samples = all.map(({ truth, predicted, confidence }) => {
    const found = { predicted, confidence };
    const { protocols } = scoreBoxesByProtocols(found, truth, IMAGE, ["detection"]);
    return Float64Array.from(
      protocols!.detection!.flatMap((entry: Entry) => FIELDS.map((name) => entry[name]!)),
    );
  });
  return detectionPool(samples)(samples.map(() => 1));
}

/** Share of pairs of a present and an absent sample in the right order; ties count one half. */
function auroc(all: readonly Case[], scoreOf: (confidence: readonly number[]) => number): number {
  let [right, pairs] = [0, 0];
  for (const one of all.filter(({ truth }) => truth.length > 0)) {
    for (const other of all.filter(({ truth }) => truth.length === 0)) {
      const gap = scoreOf(one.confidence) - scoreOf(other.confidence);
      right += gap > 0 ? 1 : gap === 0 ? 0.5 : 0;
      pairs++;
    }
  }
  return right / pairs;
}

function iou([x, y, w, h]: Box, [u, v, r, s]: Box): number {
  const across = Math.max(0, Math.min(x + w, u + r) - Math.max(x, u));
  const down = Math.max(0, Math.min(y + h, v + s) - Math.max(y, v));
  return across * down / (w * h + r * s - across * down);
}

/** Average precision at a threshold: COCO's matching and 101 recalls, written out. */
function averagePrecision(all: readonly Case[], threshold: number): number {
  const placed = all.filter(({ truth }) => truth !== "unplaced");
  const total = placed.reduce((sum, { truth }) => sum + truth.length, 0);
  const found = placed.flatMap(({ predicted, confidence, truth }) => {
    const left = new Set((truth as readonly Box[]).keys());
    const order = [...predicted.keys()].sort((a, b) => confidence[b]! - confidence[a]!);
    return order.map((i) => {
      const best = [...left].filter((j) =>
        iou(predicted[i]!, truth[j] as Box) >= threshold
      ).sort((a, b) =>
        iou(predicted[i]!, truth[b] as Box) - iou(predicted[i]!, truth[a] as Box) || b - a
      )[0];
      if (best !== undefined) left.delete(best);
      return { score: confidence[i]!, isHit: best !== undefined };
    });
  }).sort((one, other) => other.score - one.score);
  const curve = found.map((_, i) => {
    const hits = found.slice(0, i + 1).filter(({ isHit }) => isHit).length;
    return { recall: hits / total, precision: hits / (i + 1) };
  });
  let sum = 0;
  for (let i = 0; i <= 100; i++) {
    const beyond = curve.filter(({ recall }) => recall >= i / 100 - 1e-12);
    sum += Math.max(0, ...beyond.map(({ precision }) => precision));
  }
  return sum / 101;
}

Deno.test("detection: every pair of images, and every box on present and absent images", () => {
  for (const seed of [1, 2, 3]) {
    const all = cases(200, seed);
    const [peakAuc, meanAuc, ap, apAt50, apAt40, apFrom10To70] = poolOfCases(all);
    const mean = (values: readonly number[]) =>
      values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    assertAlmostEquals(peakAuc!, auroc(all, (scores) => Math.max(0, ...scores)), 1e-6);
    // Scores are in float32, where means of other boxes may tie.
    const float = (scores: readonly number[]) => mean(scores.map(Math.fround));
    assertAlmostEquals(meanAuc!, auroc(all, float), 1e-6);
    const at = (threshold: number) => averagePrecision(all, threshold);
    assertAlmostEquals(apAt50!, at(0.5), 1e-6);
    assertAlmostEquals(apAt40!, at(0.4), 1e-6);
    assertAlmostEquals(ap!, mean(AP_THRESHOLDS.slice(4).map(at)), 1e-6);
    assertAlmostEquals(apFrom10To70!, mean([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map(at)), 1e-6);
    // Without the absent images fewer boxes are false.
    const present = all.filter(({ truth }) => truth.length > 0);
    assert(poolOfCases(present)[3]! > apAt50! + 0.01);
  }
});

Deno.test("detection has no number without present or absent images, or without a true box", () => {
  const all = cases(60, 4);
  const present = all.filter(({ truth }) => truth.length > 0);
  const absent = all.filter(({ truth }) => truth.length === 0);
  const unplaced = all.map((one) =>
    one.truth.length > 0 ? { ...one, truth: "unplaced" as const } : one
  );
  const isNumber = (own: readonly Case[]) => poolOfCases(own).map((value) => !Number.isNaN(value));
  assertEquals(isNumber(present), [false, false, true, true, true, true]);
  assertEquals(isNumber(absent), [false, false, false, false, false, false]);
  assertEquals(isNumber(unplaced), [true, true, false, false, false, false]);
});

Deno.test("detection of a map: its range before the scaling, and the boxes of its mask", () => {
  const heatmap = Float32Array.of(0, 0.5, 0, 0, 0, 0, 0, 0, 1);
  const raw = heatmap.map((value) => 3 + value);
  const image = { width: 30, height: 30 };
  const score = (truth: Parameters<typeof scoreProtocols>[2]) =>
    scoreProtocols(heatmap, image, truth, { raw, protocols: ["detection", "existence", "ap"] })
      .protocols!;
  const mean = raw.reduce((sum, value) => sum + value, 0) / 9;
  const common = { peak: 4, mean };
  assertEquals(score([]).detection, [
    { present: 0, ...common, score: 1, matched: 0, truths: 0 },
    { present: 0, ...common, score: 0.5, matched: 0, truths: 0 },
  ]);
  const [first] = score([[20, 20, 10, 10]]).detection!;
  assertEquals(first, { present: 1, ...common, score: 1, matched: 2 ** 14 - 1, truths: 1 });
  const nothing = { present: 1, ...common, score: NaN, matched: 0, truths: 0 };
  const region = regionOf(new Uint8Array(900).fill(1), image);
  assertEquals([score("unplaced").detection, score(region).detection], [[nothing], [nothing]]);
  assertEquals([score("unplaced").ap, score("unplaced").existence![0]!.present], [[], 1]);
});
