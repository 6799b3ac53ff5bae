import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import type { DatasetItem, Sample } from "../../datasets/sample.ts";
import type { ImageRequest } from "../decode.ts";
import type { Flow } from "../flow.ts";
import { evaluateMethods } from "./evaluate_methods.ts";
import type { BoxedResult } from "./score_boxes.ts";

/** Yields three images, with a bad row after the first; the second image's file is missing. */
async function* makeItems(): AsyncIterableIterator<DatasetItem> {
  const image = new URL("../../docs/overlay.png", import.meta.url).pathname;
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
function makeMethod(name: string, skipped: Readonly<Record<string, string>> = {}) {
  return {
    name,
    async *ground(source: AsyncIterable<Flow<ImageRequest>>): AsyncIterableIterator<BoxedResult> {
      for await (const flow of source) {
        if (flow.kind === "dropped") {
          yield { kind: "dropped", ...flow.dropped };
          continue;
        }
        const isSkipped = ({ id }: Sample) => id in skipped;
        const { samples } = flow.item;
        for (const sample of samples.filter(isSkipped)) {
          const reason = skipped[sample.id]!;
          yield { kind: "dropped", status: "skipped", stage: "decode", reason, sample };
        }
        for (const sample of samples.filter((sample) => !isSkipped(sample))) {
          yield { kind: "boxed", sample, predicted: [] };
        }
      }
    },
  };
}

Deno.test("evaluateMethods() keeps the order of samples and methods, and joins what fell out alike", async () => {
  const methods = [
    makeMethod("one", { a2: "unseen", c1: "unseen" }),
    makeMethod("two", { a1: "unseen", a2: "unseen", c1: "too small" }),
  ];
  const results = await Array.fromAsync(
    evaluateMethods(makeItems(), methods, { concurrency: 3 }),
  );
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

Deno.test("evaluateMethods() leaves out what is done, ends after the image under way, and closes", async () => {
  const done = new Set(["a1", "row"]);
  const one = [makeMethod("")];
  const results = await Array.fromAsync(evaluateMethods(makeItems(), one, { done }));
  assertEquals(results.map(({ id, setting }) => [id, setting]), [
    ...[["a2", undefined], ["b1", undefined], ["c1", undefined]],
  ]);
  const controller = new AbortController();
  const ids: string[] = [];
  const two = [makeMethod("one"), makeMethod("two")];
  const { signal: ending } = controller;
  for await (const { id } of evaluateMethods(makeItems(), two, { ending, concurrency: 2 })) {
    ids.push(id);
    controller.abort();
  }
  assertEquals(ids, ["a1", "a1", "a2", "a2"]);
});

Deno.test("evaluateMethods() counts no sample as progress that is run again", async () => {
  const { name, ground } = makeMethod("");
  const counting = {
    name,
    async *ground(source: AsyncIterable<Flow<ImageRequest>>, onProgress: (done: number) => void) {
      let count = 0;
      for await (const result of ground(source)) {
        yield result;
        onProgress(++count);
      }
    },
  };
  const seen: number[] = [];
  const options = { done: new Set(["a1"]), onProgress: (count: number) => void seen.push(count) };
  await Array.fromAsync(evaluateMethods(makeItems(), [counting], options));
  assertEquals(seen, [0, 1, 2, 3, 4]);
});

Deno.test("evaluateMethods() says which sample a method left out", async () => {
  const lazy = { name: "lazy", ground: async function* () {} };
  await assertRejects(
    () => Array.fromAsync(evaluateMethods(makeItems(), [makeMethod("one"), lazy])),
    Error,
    'Cannot evaluate "a1": a method left it out',
  );
});
