import "../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { DatasetItem, Sample } from "../datasets/sample.ts";
import type { ImageRequest } from "./decode.ts";
import { countSamples, type Flow } from "./flow.ts";
import { mapStream } from "../base/stream.ts";
import { evaluate, type EvaluateOptions } from "./evaluate.ts";
import type { BoxedPhrase, Method } from "./method.ts";

/** Yields three images, with a bad row after the first; the second image's file is missing. */
async function* makeItems(): AsyncIterableIterator<DatasetItem> {
  const image = new URL("../docs/overlay.png", import.meta.url).pathname;
  const sample = (id: string, image: string): DatasetItem => ({
    kind: "sample",
    sample: { id, image, phrase: id, boxes: [] } satisfies Sample,
  });
  yield await Promise.resolve(sample("a1", image));
  yield sample("a2", image);
  yield { kind: "failure", failure: { id: "row", reason: "it is bad" } };
  yield sample("b1", `${image}.none`);
  yield sample("c1", image);
}

/**
 * Returns a method that first drops the samples named in `skipped`, then yields the other samples
 * of the image.
 */
function makeMethod(skipped: Readonly<Record<string, string>> = {}): Method {
  const isSkipped = ({ id }: Sample) => id in skipped;
  const answer = async function* (
    source: AsyncIterable<Flow<ImageRequest>>,
  ): AsyncIterableIterator<Flow<BoxedPhrase>> {
    for await (const flow of source) {
      if (flow.kind === "dropped") {
        yield flow;
        continue;
      }
      const { samples } = flow.item;
      for (const sample of samples.filter(isSkipped)) {
        const reason = skipped[sample.id]!;
        const dropped = { status: "skipped", stage: "decode", reason, sample } as const;
        yield { kind: "dropped", dropped };
      }
      for (const sample of samples.filter((sample) => !isSkipped(sample))) {
        yield { kind: "item", item: { sample, predicted: [] } };
      }
    }
  };
  return {
    ground: (source, { done, onProgress } = {}) =>
      countSamples(answer(source), done, (count) => onProgress?.(count)),
    close: () => Promise.resolve(),
  };
}

/** The results of an evaluation. */
async function* evaluated(methods: Record<string, Method>, options: EvaluateOptions = {}) {
  for await (const { result } of evaluate(makeItems(), methods, options)) yield result;
}

Deno.test("evaluate() keeps the order of samples and methods, and joins equal dropouts", async () => {
  const methods = {
    one: makeMethod({ a2: "unseen", c1: "unseen" }),
    two: makeMethod({ a1: "unseen", a2: "unseen", c1: "too small" }),
  };
  const results = await Array.fromAsync(evaluated(methods, { concurrency: 3 }));
  assertEquals(results.map(({ id, setting, status }) => [id, setting, status].join(" ")), [
    "a1 one grounded",
    "a1 two skipped",
    "a2  skipped",
    "row  failed",
    "b1  failed",
    "c1 one skipped",
    "c1 two skipped",
  ]);
});

Deno.test("evaluate() leaves out finished samples, ends after the current image, and closes its source", async () => {
  const done = new Set(["a1", "row"]);
  const one = { one: makeMethod() };
  const results = await Array.fromAsync(evaluated(one, { done }));
  assertEquals(results.map(({ id, setting }) => [id, setting]), [
    ...[["a2", undefined], ["b1", undefined], ["c1", undefined]],
  ]);
  const controller = new AbortController();
  const ids: string[] = [];
  const two = { one: makeMethod(), two: makeMethod() };
  const { signal: ending } = controller;
  for await (const { id } of evaluated(two, { ending, concurrency: 2 })) {
    ids.push(id);
    controller.abort();
  }
  assertEquals(ids, ["a1", "a1", "a2", "a2"]);
});

Deno.test("evaluate() counts no sample as progress that is run again", async () => {
  const seen: number[] = [];
  const options = { done: new Set(["a1"]), onProgress: (count: number) => void seen.push(count) };
  await Array.fromAsync(evaluated({ one: makeMethod() }, options));
  assertEquals(seen, [0, 1, 2, 3, 4]);
  seen.length = 0;
  await Array.fromAsync(evaluated({ one: makeMethod(), two: makeMethod() }, options));
  assertEquals([seen[0], seen.at(-1), seen.toSorted((a, b) => a - b)], [0, 4, seen]);
});

Deno.test("evaluate() says which sample a method left out, or gave twice", async () => {
  const idle = { ...makeMethod(), ground: async function* () {} };
  const deaf: Method = {
    ...makeMethod(),
    ground: async function* (source) {
      for await (const _ of source) yield* [];
    },
  };
  const twice: Method = {
    ...makeMethod(),
    ground: async function* (source, options) {
      for await (const flow of makeMethod().ground(source, options)) yield* [flow, flow];
    },
  };
  for (
    const methods of [{ one: makeMethod(), idle }, { idle }, { deaf }, { deaf, one: makeMethod() }]
  ) {
    const name = Object.keys(methods).find((name) => name !== "one");
    await assertRejects(
      () => Array.fromAsync(evaluated(methods)),
      Error,
      `Cannot evaluate "a1": method "${name}" left it out`,
    );
  }
  for (const methods of [{ twice }, { one: makeMethod(), twice }]) {
    await assertRejects(
      () => Array.fromAsync(evaluated(methods)),
      Error,
      'Cannot evaluate "a1": method "twice" gave a result too many',
    );
  }
});

Deno.test("evaluate() gives every image to methods that pull images ahead at the same time", async () => {
  const eager = (): Method => ({
    ...makeMethod(),
    ground: async function* (source, options) {
      // Pulls two images at a time from the start.
      yield* makeMethod().ground(mapStream(source, (flow) => flow, { concurrency: 2 }), options);
    },
  });
  const results = await Array.fromAsync(evaluated({ one: eager(), two: eager() }));
  assertEquals(results.map(({ id }) => id), ["a1", "a1", "a2", "a2", "row", "b1", "c1", "c1"]);
});
