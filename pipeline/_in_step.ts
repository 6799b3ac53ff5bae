/** Splits a stream into several. Values that one stream takes early wait for the other streams. */
export function tee<T>(source: AsyncIterable<T>, count: number): AsyncIterableIterator<T>[] {
  const iterator = source[Symbol.asyncIterator]();
  const queues = Array.from({ length: count }, (): T[] => []);
  return queues.map(async function* (queue) {
    for (;;) {
      if (queue.length === 0) {
        const next = await iterator.next();
        // A stream that pulls at the same time may have filled this queue.
        if (next.done && queue.length === 0) return;
        if (!next.done) { for (const each of queues) each.push(next.value); }
      }
      yield queue.shift()!;
    }
  });
}

/**
 * Yields the methods' results of each sample together, in the order of the ids.
 *
 * @param streams Results of each method, by the method's name.
 * @param ids Ids of the samples on their way; the list grows as the methods pull images.
 * @param idOf Returns the id of a result's sample.
 * @param source Source that the streams share; it adds the ids, and is closed at the end.
 * @throws {Error} If a method leaves out a sample, or gives a result that nobody waits for.
 */
export async function* inStep<T>(
  streams: readonly (readonly [name: string, stream: AsyncIterableIterator<T>])[],
  ids: string[],
  idOf: (result: T) => string,
  source: AsyncIterator<unknown>,
): AsyncIterableIterator<T[]> {
  const waiting = streams.map(() => new Map<string, T>());
  let current: string | undefined;
  /** Takes the next result of a stream; returns false at the end of the stream. */
  const pull = async (i: number) => {
    const [name, stream] = streams[i]!;
    const next = await stream.next();
    if (next.done) return false;
    const id = idOf(next.value);
    if (waiting[i]!.has(id) || id !== current && !ids.includes(id)) {
      throw new Error(`Cannot evaluate "${id}": method "${name}" gave a result too many`);
    }
    waiting[i]!.set(id, next.value);
    return true;
  };
  try {
    for (;;) {
      // Only pulled images add ids, so let the first method pull.
      if (ids.length === 0 && !await pull(0)) {
        // A method that ends early leaves images behind.
        await source.next();
        if (ids.length === 0) return;
      }
      const id = ids.shift()!;
      current = id;
      const results: T[] = [];
      for (const [i, known] of waiting.entries()) {
        while (!known.has(id)) {
          if (!await pull(i)) {
            throw new Error(`Cannot evaluate "${id}": method "${streams[i]![0]}" left it out`);
          }
        }
        results.push(known.get(id)!);
        known.delete(id);
      }
      yield results;
    }
  } finally {
    for (const [, stream] of streams) await stream.return?.();
    await source.return?.();
  }
}
