/**
 * What passes from stage to stage: items, and the samples that fell out.
 *
 * @module
 */

import { plainReason } from "../base/host/plain_reason.ts";
import type { Sample } from "../datasets/sample.ts";
import type { Variant } from "./settings/variants.ts";

/** Names of the stages; `dataset` is where the samples come from, `ground` a baseline as a whole. */
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

/** A sample that cannot go on, and why. */
export interface Dropped {
  /** `skipped` where the method says to leave it out, `failed` where something was wrong with it. */
  readonly status: "skipped" | "failed";
  /** Where it fell out. */
  readonly stage: StageName;
  /** One sentence. */
  readonly reason: string;
  /** Class of the error, such as `NotFound` or `SyntaxError`; of failures only. */
  readonly error?: string;
  /** The sample, or as much of it as is known. */
  readonly sample: Pick<Sample, "id"> & Partial<Sample>;
  /** The variant that fell out; all of them where it is not said. */
  readonly variant?: Variant;
}

/** An item on its way, or a sample that fell out and is passed on to the end. */
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

/** The class that says most: what the file system said where an error was put in other words. */
function errorClass(error: unknown): string {
  if (!(error instanceof Error)) return "Error";
  return error.name === "Error" && error.cause instanceof Error ? error.cause.name : error.name;
}

/** Options that every stage takes. */
export interface StageOptions {
  /**
   * Ends the stage with its reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Runs each item through a generator that yields what becomes of it; what
 * dropped out before is passed on untouched. Closes the source at the end.
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
