import "../base/host/deno/mod.ts";
import { assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InputRangeError } from "../base/errors.ts";
import type { Sample } from "../datasets/sample.ts";
import type { Box, CenterCrop } from "../base/geometry.ts";
import type { GridHeatmap, GridModel } from "../models/grid_model.ts";
import { type ImageRequest } from "../pipeline/decode.ts";
import { type Flow, item } from "../pipeline/flow.ts";
import { cropRegion } from "../images/preprocess.ts";
import { scoreByProtocols } from "../scoring/protocols.ts";
import { scoreHeatmap } from "../scoring/score_heatmap.ts";
import { finishGrid } from "./grid_heatmap.ts";
import type { GroundedPhrase, MethodOptions } from "../pipeline/method.ts";
import { gridMethod } from "./grid_method.ts";

const BIOVIL: CenterCrop = { crop: 480, resized: 512 };
const BIOVIL_T: CenterCrop = { crop: 448, resized: 512 };

/** Returns values from -1 to 1 in steps of .001; Python can compute the same values. */
function makeGrid(side: number, seed: number): GridHeatmap {
  const values = Float32Array.from(
    { length: side * side },
    (_, i) => ((i * 7919 + seed * 104729) % 2001) / 1000 - 1,
  );
  return { values, side };
}

/**
 * Returns a method with a fixed grid for each phrase; the phrases "refused" and "broken" make it
 * fail.
 */
function makeMethod(view: CenterCrop, grids: Readonly<Record<string, GridHeatmap>>) {
  const asked: (readonly string[])[] = [];
  const method = {
    name: "fake",
    view,
    ground: (_: unknown, phrases: readonly string[]) => {
      asked.push(phrases);
      if (phrases.includes("refused")) return Promise.reject(new InputRangeError("it is refused"));
      if (phrases.includes("broken")) return Promise.reject(new Error("out of memory"));
      return Promise.resolve(phrases.map((phrase) => grids[phrase]!));
    },
  } as unknown as GridModel;
  return { method, asked };
}

/** The results of a method, each with a `kind`. */
async function* groundByMethod(
  source: AsyncIterable<Flow<ImageRequest>>,
  model: GridModel,
  options: MethodOptions = {},
) {
  for await (const flow of gridMethod(model).ground(source, options)) {
    yield flow.kind === "dropped"
      ? { kind: "dropped" as const, ...flow.dropped }
      : { kind: "grid" as const, ...flow.item as GroundedPhrase };
  }
}

async function* request(
  width: number,
  height: number,
  samples: readonly (Pick<Sample, "phrase" | "boxes">)[],
): AsyncIterableIterator<Flow<ImageRequest>> {
  yield await Promise.resolve(item({
    image: { width, height, data: new Uint8Array(width * height) },
    samples: samples.map((sample, i) => ({ id: String(i), image: "", ...sample })),
  }));
}

/**
 * Expected |CNR|, CNR, mIoU and AUC-ROC on {@linkcode makeGrid}; the seed is the case's number.
 * Computed by `convert_similarity_to_image_size` of hi-ml-multimodal 0.2.2, `clamp(min=0)`, and the
 * released code's scores with torcheval.
 */
const EXPECTED: readonly (readonly [
  view: CenterCrop,
  side: number,
  width: number,
  height: number,
  boxes: readonly Box[],
  cover: number,
  scores: readonly number[],
])[] = [
  [BIOVIL, 15, 531, 700, [[100, 200, 150, 120]], 497, [0.169977, 0.169977, 0.078654, 0.558443]],
  [BIOVIL_T, 14, 701, 524, [[90, 30, 200, 333], [250, 100, 100, 60]], 458, [
    ...[0.216751, 0.216751, 0.176177, 0.515799],
  ]],
  [BIOVIL, 15, 512, 512, [[0, 0, 100, 100], [300, 280, 61, 97]], 480, [
    ...[0.172806, 0.172806, 0.05661, 0.557354],
  ]],
  [BIOVIL_T, 14, 37, 53, [[5, 9, 14, 20]], 32, [0.139515, 0.139515, 0.217893, 0.550415]],
  [BIOVIL, 15, 2544, 3056, [[700, 900, 801, 1000], [600, 1500, 300, 300]], 2385, [
    ...[0.074715, -0.074715, 0.100514, 0.490551],
  ]],
  [BIOVIL_T, 14, 640, 641, [[10, 40, 200, 201], [0, 600, 640, 41]], 560, [
    ...[0.011617, -0.011617, 0.068547, 0.490672],
  ]],
];

Deno.test("a grid's scores are those of the released code on hi-ml's map, in every shape", () => {
  for (const [i, [view, side, width, height, boxes, cover, expected]] of EXPECTED.entries()) {
    assertEquals(cropRegion(width, height, view).side, cover);
    const { heatmap } = finishGrid(makeGrid(side, i));
    const { absCnr, cnr, miou, aucRoc } = scoreHeatmap(heatmap, { width, height }, boxes, {
      cover,
    });
    [absCnr, cnr, miou, aucRoc].forEach((score, j) =>
      assertAlmostEquals(score, expected[j]!, 2e-6, `case ${i}, score ${j}`)
    );
  }
});

Deno.test("gridMethod() scores the crop, and drops boxes wholly outside it", async () => {
  for (
    const [i, [view, side, width, height, boxes, , expected]] of EXPECTED.slice(0, 5).entries()
  ) {
    const { method } = makeMethod(view, { phrase: makeGrid(side, i) });
    const source = request(width, height, [{ phrase: "phrase", boxes }]);
    const [result] = await Array.fromAsync(groundByMethod(source, method));
    if (result?.kind !== "grid") throw new Error("expected a heatmap");
    assertAlmostEquals(result.scores!.miou, expected[2]!, 2e-6);
    assertAlmostEquals(result.scores!.aucRoc, expected[3]!, 2e-6);
  }
  // The middle 560 rows are the rows 40 to 599.
  const { method, asked } = makeMethod(BIOVIL_T, { phrase: makeGrid(14, 5) });
  const inside: Box = [10, 40, 200, 201];
  const outside: Box = [0, 600, 640, 41];
  const samples = [
    { phrase: "phrase", boxes: [inside, outside] },
    { phrase: "phrase", boxes: [outside] },
    { phrase: "phrase", boxes: [] },
    { phrase: "phrase", boxes: [[0, 599, 640, 41] as const] },
  ];
  const results = await Array.fromAsync(groundByMethod(request(640, 641, samples), method));
  assertEquals(results.map(({ kind, sample: { id } }) => `${id} ${kind}`), [
    ...["1 dropped", "0 grid", "2 grid", "3 grid"],
  ]);
  const [skipped, first, second] = results;
  assertEquals(skipped?.kind === "dropped" && skipped.status, "skipped");
  assertEquals(first?.sample.boxes, [inside]);
  assertEquals(second?.kind === "grid" && second.scores, undefined);
  assertEquals(asked, [["phrase", "phrase", "phrase"]]);
});

Deno.test("gridMethod() fails a refused phrase, and throws the error of a broken model", async () => {
  const grids = { good: makeGrid(15, 1), short: { side: 15, values: new Float32Array(3) } };
  const { method, asked } = makeMethod(BIOVIL, {
    ...grids,
    nan: { side: 1, values: Float32Array.of(NaN) },
  });
  const run = (...phrases: string[]) => {
    const samples = phrases.map((phrase) => ({ phrase, boxes: [[9, 9, 9, 9] as const] }));
    const progress: number[] = [];
    const results = groundByMethod(request(64, 64, samples), method, {
      onProgress: (done) => progress.push(done),
      protocols: ["biovil", "biovil-t"],
    });
    return { results, progress };
  };
  const { results, progress } = run("good", "refused", "short", "nan");
  const made = await Array.fromAsync(results);
  assertEquals(made.map((result) => result.kind === "dropped" ? result.reason : "scored"), [
    "scored",
    "it is refused",
    "Cannot read a heatmap of 3 values: expected 15 x 15",
    "Cannot read a heatmap: expected finite values",
  ]);
  assertEquals(progress, [1, 2, 3, 4]);
  assertEquals(asked.length, 5);
  const [first] = made;
  const { miou, protocols } = first?.kind === "grid" ? first.scores! : {};
  assertEquals(protocols!.biovil![0]!.miou, miou);
  await assertRejects(() => Array.fromAsync(run("good", "broken").results), Error, "out of memory");
  assertThrows(
    () => gridMethod(method).ground(request(9, 9, []), { protocols: ["mine" as "biovil"] }),
    RangeError,
  );
});

Deno.test("protocols look at no more of an image than its heatmap covers", () => {
  // The lower right quarter is hot; the heatmap covers the middle 448 of 512 pixels.
  const heatmap = Float32Array.of(0, 0, 0, 1);
  const image = { width: 512, height: 600 };
  const all = [
    "pointing-game",
    "largest-component-box",
    "pixel-auc",
    "biovil",
    "biovil-t",
  ] as const;
  const truth: Box = [256, 300, 224, 224];
  const { protocols, ...scores } = scoreByProtocols(heatmap, image, [truth], {
    ...{ cover: 448, protocols: all },
  });
  assertEquals([scores.miou, scores.aucRoc], [1, 1]);
  assertEquals(protocols, {
    "pointing-game": [{ hit: 1 }],
    "largest-component-box": [{ iouUnion: 1, iouLargest: 1 }],
    "pixel-auc": [{ exact: 1, binned: 1 }],
    "biovil": [scores],
    "biovil-t": [scores],
  });
  const { protocols: beside } = scoreByProtocols(heatmap, image, [[480, 300, 32, 224]], {
    ...{ cover: 448, protocols: ["pointing-game"] },
  });
  assertEquals(beside, { "pointing-game": [{ hit: 0 }] });
  for (const cover of [0, 1.5, 513]) {
    assertThrows(() => scoreHeatmap(heatmap, image, [truth], { cover }), RangeError, "1..512");
  }
  assertThrows(() => cropRegion(1, 9, BIOVIL), RangeError, "nothing of it is seen");
});

Deno.test("gridMethod() notes how the method reads a phrase", async () => {
  const { method } = makeMethod(BIOVIL, { a: makeGrid(15, 1), b: makeGrid(15, 2) });
  const noting = { ...method, notes: (phrase: string) => phrase === "b" ? ["spelled"] : [] };
  const samples = ["a", "b"].map((phrase) => ({ phrase, boxes: [] }));
  const notes = [];
  for await (const { sample } of groundByMethod(request(20, 20, samples), noting)) {
    notes.push(sample.notes);
  }
  assertEquals(notes, [undefined, ["spelled"]]);
});
