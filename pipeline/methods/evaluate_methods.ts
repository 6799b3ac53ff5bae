/**
 * A dataset through several methods at once, to their results side by side.
 *
 * @module
 */

import type { DatasetItem } from "../../datasets/sample.ts";
import { decodeImage, type ImageRequest } from "../decode.ts";
import {
  type EvaluateOptions,
  imageRequests,
  type MethodResult,
  type SampleResult,
  toSampleResults,
} from "../evaluate.ts";
import { failed, type Flow, item } from "../flow.ts";
import { mapStream } from "../../base/stream.ts";

/** A method that samples go through. */
export interface EvaluatedMethod {
  /** What results call it; empty where it is the only one. */
  readonly name: string;
  /**
   * Grounds and scores images with their phrases, in any order within an image.
   *
   * @param source Images that are decoded.
   * @param onProgress To be told how many samples are done, parts of them included.
   */
  ground(
    source: AsyncIterable<Flow<ImageRequest>>,
    onProgress: (done: number) => void,
  ): AsyncIterable<MethodResult>;
}

/** Options of {@linkcode evaluateMethods}. */
export type EvaluateMethodsOptions = Pick<
  EvaluateOptions,
  "concurrency" | "done" | "ending" | "onHeatmap" | "onProgress" | "signal"
>;

/**
 * Evaluates a dataset by some methods: each image is decoded once and goes through all of
 * them before the next. Every sample gives one result a method, in the dataset's and the
 * methods' order; where it fell out of all of them alike, one for all.
 *
 * @param items What a dataset yields.
 * @param methods At least one, of different names.
 * @param options How to run.
 * @throws {RangeError} If the concurrency is not a positive integer.
 */
export function evaluateMethods(
  items: AsyncIterable<DatasetItem>,
  methods: readonly EvaluatedMethod[],
  options: EvaluateMethodsOptions = {},
): AsyncIterableIterator<SampleResult> {
  const { done = new Set<string>(), onHeatmap, onProgress, ending } = options;
  const { concurrency = 1, signal } = options;
  const images = readAhead(imageRequests(items, done), {
    concurrency,
    ...(signal && { signal }),
  });
  const ids: string[] = [];
  const source = announced(images, ids, done, ending);
  const branches = tee(source, methods.length);
  const progress = methods.map(() => 0);
  const streams = methods.map(({ name, ground }, i) => {
    // What is run again for the sake of an image's other phrases is no progress.
    let repeated = 0;
    const results = ground(branches[i]!, (count) => {
      progress[i] = count - repeated;
      onProgress?.(progress.reduce((sum, count) => sum + count, 0) / methods.length);
    });
    const counted = tap(results, ({ sample }) => {
      if (done.has(sample.id)) repeated++;
    });
    return toSampleResults(counted, { done, onHeatmap, ...(name && { setting: name }) });
  });
  return inStep(streams, ids, () => source.return?.());
}

/** Decodes images before they are asked for. */
function readAhead(
  source: AsyncIterable<Flow<ImageRequest>>,
  options: { readonly concurrency: number; readonly signal?: AbortSignal },
): AsyncIterableIterator<readonly Flow<ImageRequest>[]> {
  return mapStream(source, async (flow): Promise<Flow<ImageRequest>[]> => {
    if (flow.kind === "dropped") return [flow];
    const { image, samples } = flow.item;
    try {
      return [item({ image: await decodeImage(image), samples })];
    } catch (error) {
      return samples.map((sample) => failed("decode", sample, error));
    }
  }, options);
}

/** Notes the ids of samples on their way; ends where the signal was aborted, rather than throwing. */
async function* announced(
  source: AsyncIterable<readonly Flow<ImageRequest>[]>,
  ids: string[],
  done: ReadonlySet<string>,
  ending: AbortSignal | undefined,
): AsyncIterableIterator<Flow<ImageRequest>> {
  for await (const flows of source) {
    if (ending?.aborted) return;
    for (const flow of flows) {
      const samples = flow.kind === "dropped" ? [flow.dropped.sample] : flow.item.samples;
      ids.push(...samples.map(({ id }) => id).filter((id) => !done.has(id)));
      yield flow;
    }
  }
}

async function* tap<T>(
  source: AsyncIterable<T>,
  look: (value: T) => void,
): AsyncIterableIterator<T> {
  for await (const value of source) {
    look(value);
    yield value;
  }
}

/** Several streams of one: what one of them is ahead of the others is kept. */
function tee<T>(source: AsyncIterable<T>, count: number): AsyncIterableIterator<T>[] {
  const iterator = source[Symbol.asyncIterator]();
  const queues = Array.from({ length: count }, (): T[] => []);
  return queues.map(async function* (queue) {
    for (;;) {
      if (queue.length === 0) {
        const next = await iterator.next();
        if (next.done) return;
        for (const each of queues) each.push(next.value);
      }
      yield queue.shift()!;
    }
  });
}

/**
 * Puts the results of a sample together, samples in the order of their ids.
 *
 * @param streams The methods' results.
 * @param ids Ids of the samples that are on their way, added to as images are pulled.
 * @param close Closes what the streams share.
 */
async function* inStep(
  streams: readonly AsyncIterableIterator<SampleResult>[],
  ids: string[],
  close: () => Promise<unknown> | undefined,
): AsyncIterableIterator<SampleResult> {
  const waiting = streams.map(() => new Map<string, SampleResult>());
  /** Whether there was another. */
  const pull = async (i: number) => {
    const next = await streams[i]!.next();
    if (!next.done) waiting[i]!.set(next.value.id, next.value);
    return !next.done;
  };
  try {
    for (;;) {
      // What is on its way is known once the first method has asked for it.
      if (ids.length === 0 && !await pull(0)) return;
      const id = ids.shift()!;
      const results: SampleResult[] = [];
      for (const [i, known] of waiting.entries()) {
        while (!known.has(id)) {
          if (!await pull(i)) throw new Error(`Cannot evaluate "${id}": a method left it out`);
        }
        results.push(known.get(id)!);
        known.delete(id);
      }
      yield* asOne(results);
    }
  } finally {
    for (const stream of streams) await stream.return?.();
    await close();
  }
}

/** The results of one sample: one where it fell out of every method alike. */
function asOne(results: readonly SampleResult[]): readonly SampleResult[] {
  const [first, ...others] = results as [SampleResult, ...SampleResult[]];
  if (first.status !== "skipped" && first.status !== "failed") return results;
  const isAlike = others.every((other) =>
    other.status === first.status && other.stage === first.stage && other.reason === first.reason
  );
  if (!isAlike) return results;
  const { setting: _, ...whole } = first;
  return [whole];
}
