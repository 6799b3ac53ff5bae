import "../../base/host/deno/mod.ts";
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Box } from "../../base/geometry.ts";
import type { MatchedBoxes } from "../../datasets/predictions/match_predictions.ts";
import { Random } from "../../base/random.ts";
import type { BoxedPhrase, MethodOptions } from "../../pipeline/method.ts";
import { boxesMethod, boxIou, type BoxOptions } from "./score_boxes.ts";

const IMAGE = { width: 40, height: 30 };

/** Returns for each pixel whether it is in a box. */
function paint(boxes: readonly Box[]): boolean[] {
  return Array.from({ length: IMAGE.width * IMAGE.height }, (_, i) => {
    const [x, y] = [i % IMAGE.width, Math.floor(i / IMAGE.width)];
    return boxes.some(([left, top, w, h]) => x >= left && x < left + w && y >= top && y < top + h);
  });
}

function iouOfPixels(predicted: readonly Box[], truth: readonly Box[]): number {
  const [a, b] = [paint(predicted), paint(truth)];
  const count = (is: (i: number) => boolean | undefined) => a.filter((_, i) => is(i)).length;
  return count((i) => a[i] && b[i]) / count((i) => a[i] || b[i]);
}

Deno.test("boxIou() is that of the pixels, by both rules", () => {
  const random = new Random(3);
  const box = (): Box => [
    ...[random.integer(-5, 30), random.integer(-5, 20)] as const,
    ...[random.integer(1, 30), random.integer(1, 20)] as const,
  ];
  const inside = (): Box => {
    const [x, y] = [random.integer(0, 39), random.integer(0, 29)];
    return [x, y, random.integer(1, 40 - x), random.integer(1, 30 - y)];
  };
  for (let i = 0; i < 200; i++) {
    const predicted = Array.from({ length: random.integer(1, 3) }, box);
    const truth = Array.from({ length: random.integer(1, 3) }, inside);
    assertAlmostEquals(boxIou(predicted, truth, IMAGE), iouOfPixels(predicted, truth), 1e-12);
    const each = truth.map((box) => iouOfPixels(predicted, [box]));
    assertAlmostEquals(boxIou(predicted, truth, IMAGE, "max"), Math.max(...each), 1e-12);
  }
});

Deno.test("boxIou() counts fractions of pixels, and nothing where nothing is predicted", () => {
  const truth: Box[] = [[10, 10, 10, 10]];
  assertAlmostEquals(boxIou([[10.5, 10, 10, 10]], truth, IMAGE), 95 / 105, 1e-12);
  assertEquals(boxIou([], truth, IMAGE), 0);
  assertEquals(boxIou([[-20, -20, 5, 5], [40, 0, 9, 9]], truth, IMAGE, "max"), 0);
  // Of two boxes, the prediction covers one.
  const both: Box[] = [[0, 0, 10, 10], [20, 0, 10, 10]];
  assertEquals(boxIou([[0, 0, 10, 10]], both, IMAGE), 0.5);
  assertEquals(boxIou([[0, 0, 10, 10]], both, IMAGE, "max"), 1);
  assertThrows(() => boxIou([], [[0, 0, 0, 4]], IMAGE), RangeError, "at least 1 pixel");
});

Deno.test("boxesMethod() sees all of the image, and says where there is no prediction", async () => {
  const corner: Box = [35, 0, 5, 30];
  const boxes = { known: [corner], unknown: [corner], empty: [] };
  const samples = Object.entries(boxes).map(([id, boxes]) => ({
    ...{ id, image: "", phrase: "phrase", boxes },
  }));
  async function* makeSource() {
    const image = { ...IMAGE, data: new Uint8Array(IMAGE.width * IMAGE.height) };
    yield await Promise.resolve({ kind: "item", item: { image, samples } } as const);
  }
  async function* scorePredictions(
    source: ReturnType<typeof makeSource>,
    predictions: ReadonlyMap<string, MatchedBoxes>,
    options: BoxOptions & MethodOptions = {},
  ) {
    for await (const flow of boxesMethod(predictions, options).ground(source, options)) {
      yield flow.kind === "dropped"
        ? { kind: "dropped" as const, ...flow.dropped }
        : { kind: "boxed" as const, ...flow.item as BoxedPhrase };
    }
  }
  const predictions = new Map([["known", { boxes: [corner] }], ["empty", { boxes: [] }]]);
  const progress: number[] = [];
  const results = await Array.fromAsync(
    scorePredictions(makeSource(), predictions, { onProgress: (done) => progress.push(done) }),
  );
  const faults = new Map([["known", "x is no number (line 2)"]]);
  const [bad] = await Array.fromAsync(scorePredictions(makeSource(), predictions, { faults }));
  assertEquals(
    bad?.kind === "dropped" && [bad.status, bad.stage, bad.reason],
    ["failed", "dataset", "the prediction cannot be read: x is no number (line 2)"],
  );
  assertEquals(
    results.map((result) =>
      result.kind === "boxed" && [result.scores?.miou, result.predicted, result.sample.notes]
    ),
    [
      [1, [corner], undefined],
      [0, [], ["there is no prediction for it, which counts as no box"]],
      [undefined, [], undefined],
    ],
  );
  assertEquals(progress, [1, 2, 3]);
});
