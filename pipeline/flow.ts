/**
 * Items that pass from stage to stage, and samples that dropped out.
 *
 * @module
 */

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

/** One failed sample as a {@linkcode Flow}. */
export function failed(
  stage: StageName,
  sample: Dropped["sample"],
  error: unknown,
  variant?: Variant,
): Flow<never> {
  const reason = plainReason(error instanceof Error ? error.message : String(error));
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
function errorClass(error: unknown): string {
  if (!(error instanceof Error)) return "Error";
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

/**
 * Runs each item through a generator that yields the item's results. Samples that dropped out
 * before pass unchanged. Closes the source at the end.
 */
export async function* flatMapFlow<A, B>(
  source: AsyncIterable<Flow<A>>,
  expand: (item: A) => AsyncIterable<Flow<B>> | Iterable<Flow<B>>,
  { signal }: StageOptions,
): AsyncIterableIterator<Flow<B>> {
  for await (const flow of source) {
    signal?.throwIfAborted();
    if (flow.kind === "dropped") yield flow;
    else yield* expand(flow.item);
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
