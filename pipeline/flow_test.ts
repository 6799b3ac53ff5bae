import "../base/host/deno/mod.ts";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { BugError, InputRangeError, InputTypeError } from "../base/errors.ts";
import { DeviceLostError } from "../shaders/device.ts";
import { aggregate } from "./aggregate.ts";
import { decode } from "./decode.ts";
import { denoise } from "./denoise.ts";
import { encode } from "./encode.ts";
import { failed, item } from "./flow.ts";
import { finishOnGpu } from "./gpu/heatmap_stage_gpu.ts";
import { boxesMethod } from "../methods/boxes/score_boxes.ts";
import { gridMethod } from "../methods/grid_method.ts";
import { metrics } from "./metrics.ts";
import { noise } from "./noise.ts";
import { otsu } from "./otsu.ts";
import { requireTokens } from "./settings/token_range.ts";

const SAMPLE = { id: "s", image: "", phrase: "haze", boxes: [[0, 0, 1, 1]] as const };
const GRAY = { width: 2, height: 2, data: new Uint8Array(4) };
const REQUEST = { image: GRAY, samples: [SAMPLE] };
const IMAGE = { samples: [SAMPLE], gray: GRAY, crop: { x: 0, y: 0, side: 2 } };
const VARIANT = { name: "", layers: [0], start: 0, end: 1, otsu: true };
const SETTINGS = {
  ...{ noise: "sample", tokens: "class", timesteps: [1], start: 0, end: 1, sigma: 1 },
  variants: [VARIANT],
} as never;
const STEP = { image: IMAGE, index: 0, isLast: true, step: 0, count: 1, ranges: [[0, 1]] };

/** A bug as in real code. */
const plantedBug = (): never => (undefined as unknown as [never]).length as never;

/** A model whose parts have bugs; of runtime and configuration it has enough to come to them. */
const model = (more: object = {}) =>
  ({
    bundle: { config: { imageSize: 2 }, tokenizer: { encode: plantedBug } },
    runtime: {},
    ...{ encode: plantedBug, addNoise: plantedBug, free() {} },
    ...more,
  }) as never;

const method = (ground: () => unknown) =>
  ({ name: "m", view: { crop: 2, resized: 2 }, ground }) as never;

/** Yields one item, whatever parts a stage will miss in it. */
// deno-lint-ignore no-explicit-any
async function* one(value: object): AsyncIterableIterator<any> {
  yield await Promise.resolve(item(value));
}

/** Each stage at a bug: its own, or a part of its item that an earlier stage left out by a bug. */
const STAGES: readonly (readonly [stage: string, run: () => AsyncIterable<unknown>])[] = [
  ["dataset", () => requireTokens(one(REQUEST), { encode: plantedBug } as never, SETTINGS)],
  ["decode", () => decode(one({ samples: [SAMPLE] }))],
  ["encode", () => encode(one(IMAGE), model())],
  ["noise", () => noise(one(IMAGE), model(), SETTINGS)],
  ["denoise", () => denoise(one({ ...IMAGE, noisy: [] }), model(), SETTINGS)],
  ["aggregate", () => aggregate(one({ ...STEP, maps: [undefined] }), 2, SETTINGS)],
  ["otsu", () => otsu(one({ sample: SAMPLE, image: IMAGE, size: 2 }))],
  ["metrics", () => metrics(one({ sample: SAMPLE, heatmap: new Float32Array(4) }), {})],
  // The stages on the GPU have one name together, that of the first.
  [
    "aggregate",
    () => finishOnGpu(one({ ...STEP, maps: [undefined] }), {} as never, 2, SETTINGS, {}),
  ],
  ["ground", () => gridMethod(method(plantedBug)).ground(one(REQUEST))],
  ["metrics", () => gridMethod(method(() => Promise.resolve([undefined]))).ground(one(REQUEST))],
  [
    "metrics",
    () => boxesMethod(new Map([["s", { boxes: [undefined as never] }]])).ground(one(REQUEST)),
  ],
];

for (const [i, [stage, run]] of STAGES.entries()) {
  Deno.test(`a bug ends the run and fails no sample (${i + 1}: ${stage})`, async () => {
    const results: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const result of run()) results.push(result);
    }, BugError);
    assertEquals(results, []);
    const start = `Cannot finish stage "${stage}" of sample "s": this is a bug of Groundray (`;
    assert(error.message.startsWith(`${start}TypeError: Cannot `), error.message);
    assertInstanceOf(error.cause, TypeError);
    assert(error.cause.stack!.includes("\n    at "));
  });
}

Deno.test("failed() takes errors about input, and tells bugs from faults of the machine", () => {
  for (const error of [new InputRangeError("too wide"), new InputTypeError("a folder")]) {
    const { message: reason, name } = error;
    const dropped = {
      status: "failed",
      stage: "decode",
      reason,
      error: name,
      sample: SAMPLE,
    } as const;
    assertEquals(failed("decode", SAMPLE, error), { kind: "dropped", dropped });
  }
  for (const bug of [new RangeError("of an array"), new SyntaxError("of a pattern"), "a text"]) {
    const error = assertThrows(() => failed("decode", SAMPLE, bug), BugError);
    assertEquals(error.cause, bug);
  }
  const lost = new DeviceLostError("Cannot encode: the GPU was lost");
  assertEquals(assertThrows(() => failed("decode", SAMPLE, lost)), lost);
});

Deno.test("a bug names how many samples of the image it ended", async () => {
  const others = { ...IMAGE, samples: [SAMPLE, { ...SAMPLE, id: "t" }] };
  await assertRejects(
    () => Array.fromAsync(encode(one(others), model())),
    BugError,
    'of sample "s" and 1 more of its image',
  );
});
