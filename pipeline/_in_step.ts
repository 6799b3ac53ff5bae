/**
 * Streams of several methods, side by side.
 *
 * @module
 */

/** Splits a stream into several. Values that one stream takes early wait for the other streams. */
export function tee<T>(source: AsyncIterable<T>, count: number): AsyncIterableIterator<T>[] {
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
 * Yields the methods' results of each sample together, in the order of the ids.
 *
 * @param streams Results of each method.
 * @param ids Ids of the samples on their way; the list grows as the methods pull images.
 * @param idOf Returns the id of a result's sample.
 * @param close Closes the source that the streams share.
 */
export async function* inStep<T>(
  streams: readonly AsyncIterableIterator<T>[],
  ids: string[],
  idOf: (result: T) => string,
  close: () => Promise<unknown> | undefined,
): AsyncIterableIterator<T[]> {
  const waiting = streams.map(() => new Map<string, T>());
  /** Takes the next result of a stream; returns false at the end of the stream. */
  const pull = async (i: number) => {
    const next = await streams[i]!.next();
    if (!next.done) waiting[i]!.set(idOf(next.value), next.value);
    return !next.done;
  };
  try {
    for (;;) {
      // Only pulled images add ids, so let the first method pull.
      if (ids.length === 0 && !await pull(0)) return;
      const id = ids.shift()!;
      const results: T[] = [];
      for (const [i, known] of waiting.entries()) {
        while (!known.has(id)) {
          if (!await pull(i)) throw new Error(`Cannot evaluate "${id}": a method left it out`);
        }
        results.push(known.get(id)!);
        known.delete(id);
      }
      yield results;
    }
  } finally {
    for (const stream of streams) await stream.return?.();
    await close();
  }
}
