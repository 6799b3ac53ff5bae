/**
 * Bounded tools for async iterables. Each tool pulls no more items than its consumer asks for or
 * its bound allows. Each keeps the order of its source and closes the source at the end.
 *
 * @module
 */

/** Options of {@linkcode mapStream}. */
export interface MapStreamOptions {
  /**
   * Most items that are being mapped, or are mapped but not yet taken.
   *
   * @default {1}
   */
  concurrency?: number;
  /**
   * Signal that ends the stream; the stream then throws the signal's reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Maps each item, several at a time if allowed, in the order of the source.
 *
 * @param source Items to map; closed together with the result.
 * @param map Converts one item; may return a promise.
 * @throws {RangeError} If the concurrency is not a positive integer.
 *
 * @example Usage
 * ```ts
 * import { mapStream } from "./stream.ts";
 *
 * const doubled = mapStream([1, 2, 3], (x) => Promise.resolve(2 * x), { concurrency: 2 });
 * console.log(await Array.fromAsync(doubled)); // [2, 4, 6]
 * ```
 */
export function mapStream<A, B>(
  source: AsyncIterable<A> | Iterable<A>,
  map: (item: A) => B | Promise<B>,
  options: MapStreamOptions = {},
): AsyncIterableIterator<B> {
  const { concurrency = 1, signal } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new RangeError(`Cannot map ${concurrency} items at a time: expected a positive integer`);
  }
  return mapAhead(source, map, concurrency, signal);
}

async function* mapAhead<A, B>(
  source: AsyncIterable<A> | Iterable<A>,
  map: (item: A) => B | Promise<B>,
  concurrency: number,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<B> {
  const iterator = iterate(source);
  // Promises of results that the consumer has not taken yet. A rejected promise must not count as
  // unhandled in the meantime.
  const pending: Promise<{ value: B } | undefined>[] = [];
  let previous: Promise<unknown> = Promise.resolve();
  const start = () => {
    const pulled = previous.then(() => iterator.next());
    previous = pulled;
    const mapped = pulled.then(async (next) =>
      next.done ? undefined : { value: await map(next.value) }
    );
    mapped.catch(() => {});
    pending.push(mapped);
  };
  try {
    for (;;) {
      signal?.throwIfAborted();
      while (pending.length < concurrency) start();
      const result = await pending.shift()!;
      if (!result) return;
      signal?.throwIfAborted();
      yield result.value;
    }
  } finally {
    await Promise.allSettled(pending);
    await iterator.return?.();
  }
}

/** Wraps the iterator of a synchronous or asynchronous source; its methods return promises. */
function iterate<A>(source: AsyncIterable<A> | Iterable<A>): {
  next(): Promise<IteratorResult<A>>;
  return?(): Promise<unknown>;
} {
  if (Symbol.asyncIterator in source) {
    const iterator = source[Symbol.asyncIterator]();
    return {
      next: () => iterator.next(),
      return: () => Promise.resolve(iterator.return?.()),
    };
  }
  const iterator = source[Symbol.iterator]();
  return {
    next: () => Promise.resolve(iterator.next()),
    return: () => Promise.resolve(iterator.return?.()),
  };
}

/**
 * Groups consecutive items with equal keys.
 *
 * @param source Items to group.
 * @param key Returns the key of an item; keys are compared by `!==`.
 * @param most Most items in one group, which bounds the group's memory.
 */
export async function* groupStream<A>(
  source: AsyncIterable<A> | Iterable<A>,
  key: (item: A) => unknown,
  most: number,
): AsyncIterableIterator<A[]> {
  let group: A[] = [];
  for await (const item of source) {
    if (group.length > 0 && (group.length >= most || key(group[0]!) !== key(item))) {
      yield group;
      group = [];
    }
    group.push(item);
  }
  if (group.length > 0) yield group;
}
