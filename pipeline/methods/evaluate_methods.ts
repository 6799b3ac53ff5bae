/**
 * Evaluation of a dataset by several methods side by side.
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

/** A method of an evaluation. */
export interface EvaluatedMethod {
  /** Name in the results; empty if there is only one method. */
  readonly name: string;
  /**
   * Grounds and scores images with their phrases, in any order within an image.
   *
   * @param source Decoded images with their phrases.
   * @param onProgress Called with the number of samples done; finished shares of samples count.
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
 * Evaluates a dataset by several methods. Each image is decoded once, and goes through all methods
 * before the next image. Every sample gives one result per method, in the order of the dataset and
 * of the methods. A sample that drops out of all methods alike gives one result for all.
 *
 * @param items Samples and bad rows of the dataset.
 * @param methods At least one method, each with its own name.
 * @param options Concurrency, finished samples, callbacks and signals.
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
    // A sample that runs again for the sake of its image's other phrases is no progress.
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

/** Decodes images before the methods pull them. */
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

/** Adds the ids of passing samples to `ids`. Ends without an error once `ending` is aborted. */
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

/** Splits a stream into several. Values that one stream takes early wait for the other streams. */
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
 * Joins the methods' results of each sample, in the order of the ids.
 *
 * @param streams Results of each method.
 * @param ids Ids of the samples on their way; the list grows as the methods pull images.
 * @param close Closes the source that the streams share.
 */
async function* inStep(
  streams: readonly AsyncIterableIterator<SampleResult>[],
  ids: string[],
  close: () => Promise<unknown> | undefined,
): AsyncIterableIterator<SampleResult> {
  const waiting = streams.map(() => new Map<string, SampleResult>());
  /** Takes the next result of a stream; returns false at the end of the stream. */
  const pull = async (i: number) => {
    const next = await streams[i]!.next();
    if (!next.done) waiting[i]!.set(next.value.id, next.value);
    return !next.done;
  };
  try {
    for (;;) {
      // Only pulled images add ids, so let the first method pull.
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

/** Results of one sample; a single result if the sample dropped out of every method alike. */
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
