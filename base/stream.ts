/**
 * Bounded tools for async iterables: every one pulls only what is asked of it
 * or what its bound allows, keeps order, and closes its source.
 *
 * @module
 */

/** Options of {@linkcode mapStream}. */
export interface MapStreamOptions {
  /**
   * How many items may be under way or finished and not yet taken.
   *
   * @default {1}
   */
  concurrency?: number;
  /**
   * Ends the stream with its reason.
   *
   * @default {undefined}
   */
  signal?: AbortSignal;
}

/**
 * Maps each item, several at a time if allowed, in the order of the source.
 *
 * @param source What to map; closed when the result is.
 * @param map From one item to the next, possibly later.
 * @param options Bound and signal.
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
  // A result waits here as a promise until it is asked for; a failed one must not count as
  // unhandled meanwhile.
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

/** The iterator of either kind of source, as one that answers with promises. */
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
 * Puts consecutive items of equal key together.
 *
 * @param source Items.
 * @param key What must be equal.
 * @param most Most items in one group, so that a group's memory is bounded.
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
