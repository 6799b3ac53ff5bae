/**
 * Items that pass from stage to stage, and samples that dropped out.
 *
 * @module
 */

import { BugError, isBug, isInputError } from "../base/errors.ts";
import { plainReason } from "../base/host/plain_reason.ts";
import type { Sample } from "../datasets/sample.ts";
import type { Variant } from "./settings/variants.ts";

/** Names of the stages. `dataset` is the source of the samples; `ground` is a whole baseline. */
export type StageName =
  | "dataset"
  | "decode"
  | "encode"
  | "noise"
  | "denoise"
  | "aggregate"
  | "otsu"
  | "ground"
  | "metrics";

/** A sample that dropped out, and the reason. */
export interface Dropped {
  /**
   * `skipped` if the method leaves the sample out, `failed` if something is wrong with the sample.
   */
  readonly status: "skipped" | "failed";
  /** Stage in which the sample dropped out. */
  readonly stage: StageName;
  /** Reason in one sentence. */
  readonly reason: string;
  /** Class of the error, such as `NotFound` or `SyntaxError`; only on failures. */
  readonly error?: string;
  /** The sample, or the known part of a bad row. */
  readonly sample: Pick<Sample, "id"> & Partial<Sample>;
  /** Variant that dropped out; absent if all variants dropped out. */
  readonly variant?: Variant;
}

/** An item on its way, or a sample that dropped out and passes to the end. */
export type Flow<T> =
  | { readonly kind: "item"; readonly item: T }
  | { readonly kind: "dropped"; readonly dropped: Dropped };

/** One item as a {@linkcode Flow}. */
export function item<T>(value: T): Flow<T> {
  return { kind: "item", item: value };
}

/** Names of errors that report bugs: the language's own, and {@linkcode BugError}. */
const LANGUAGE_ERRORS = new Set([
  "TypeError",
  "ReferenceError",
  "RangeError",
  "SyntaxError",
  "BugError",
]);

/**
 * One failed sample as a {@linkcode Flow}.
 *
 * @param error Error about the sample's row, image, phrase or boxes.
 * @throws {BugError} If an error of the language is not about input. Any other such error is thrown
 * unchanged, for instance the loss of a GPU.
 */
export function failed(
  stage: StageName,
  sample: Dropped["sample"],
  error: unknown,
  variant?: Variant,
): Flow<never> {
  if (!isInputError(error)) {
    const isOwn = !(error instanceof Error) || LANGUAGE_ERRORS.has(error.name);
    throw isOwn ? bugIn(stage, [sample], error) : error;
  }
  const reason = plainReason(error.message);
  const dropped = {
    status: "failed",
    stage,
    reason,
    error: errorClass(error),
    sample,
    ...(variant && { variant }),
  } as const;
  return { kind: "dropped", dropped };
}

/** The sample with further notes; the sample itself if there are none. */
export function withNotes(sample: Sample, notes: readonly string[]): Sample {
  return notes.length === 0 ? sample : { ...sample, notes: [...sample.notes ?? [], ...notes] };
}

/** The most specific class. A reworded file-system error keeps the original error as its cause. */
function errorClass(error: Error): string {
  return error.name === "Error" && error.cause instanceof Error ? error.cause.name : error.name;
}

/** Options of every stage. */
export interface StageOptions {
  /**
   * Aborts the stage, which throws the signal's reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/** Makes the error about a bug in a stage; it names the first of the samples. */
function bugIn(stage: StageName, samples: readonly Dropped["sample"][], error: unknown): BugError {
  if (error instanceof BugError) return error;
  const others = samples.length > 1 ? ` and ${samples.length - 1} more of its image` : "";
  return new BugError(`finish stage "${stage}" of sample "${samples[0]!.id}"${others}`, error);
}

/** An item with its samples: one sample, all of an image, or one of an image by its index. */
type WithSamples =
  | { readonly sample: Sample }
  | { readonly samples: readonly Sample[] }
  | { readonly image: { readonly samples: readonly Sample[] }; readonly index: number };

function samplesOf(item: WithSamples): readonly Sample[] {
  if ("sample" in item) return [item.sample];
  return "samples" in item ? item.samples : [item.image.samples[item.index]!];
}

/**
 * Runs each item through a generator that yields the item's results. Samples that dropped out
 * before pass unchanged. Closes the source at the end.
 *
 * @param stage Stage of the generator, for the error of a bug.
 * @throws {BugError} If the generator meets a bug.
 */
export async function* flatMapFlow<A extends WithSamples, B>(
  source: AsyncIterable<Flow<A>>,
  stage: StageName,
  expand: (item: A) => AsyncIterable<Flow<B>> | Iterable<Flow<B>>,
  { signal }: StageOptions,
): AsyncIterableIterator<Flow<B>> {
  for await (const flow of source) {
    signal?.throwIfAborted();
    if (flow.kind === "dropped") {
      yield flow;
      continue;
    }
    yield* inStage(stage, flow.item, expand(flow.item));
  }
}

/**
 * Passes the results of one item on.
 *
 * @param stage Stage that makes the results, for the error of a bug.
 * @param item The item.
 * @throws {BugError} If the stage meets a bug.
 */
export async function* inStage<T>(
  stage: StageName,
  item: WithSamples,
  results: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<T> {
  try {
    yield* results;
  } catch (error) {
    throw isBug(error) ? bugIn(stage, samplesOf(item), error) : error;
  }
}

/**
 * Counts the samples whose results pass.
 *
 * @param done Ids that do not count.
 * @param onCount Called with the count before each result passes.
 * @param last Variant that completes a sample; by default every result completes its sample.
 */
export async function* countSamples<
  T extends { readonly sample: Sample; readonly variant?: Variant },
>(
  source: AsyncIterable<Flow<T>>,
  done: ReadonlySet<string> | undefined,
  onCount: (count: number) => void,
  last?: Variant,
): AsyncIterableIterator<Flow<T>> {
  let count = 0;
  for await (const flow of source) {
    const { sample, variant } = flow.kind === "dropped" ? flow.dropped : flow.item;
    const isLast = variant === undefined || last === undefined || variant === last;
    if (isLast && !done?.has(sample.id)) count++;
    onCount(count);
    yield flow;
  }
}
