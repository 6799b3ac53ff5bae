import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { groupStream, mapStream } from "./stream.ts";

const later = <T>(value: T, milliseconds: number) =>
  new Promise<T>((resolve) => setTimeout(() => resolve(value), milliseconds));

/** Yields numbers; records how many were taken, and whether the iterator was closed. */
function counted(length: number) {
  const state = { taken: 0, closed: false };
  async function* items() {
    try {
      for (let i = 0; i < length; i++) {
        state.taken++;
        yield await Promise.resolve(i);
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, source: items() };
}

Deno.test("mapStream() keeps the order of its source", async () => {
  const delays = [30, 1, 20, 2];
  const mapped = mapStream(delays, (delay) => later(delay, delay), { concurrency: 4 });
  assertEquals(await Array.fromAsync(mapped), delays);
});

Deno.test("mapStream() starts nothing before it is asked", async () => {
  const { state, source } = counted(3);
  const mapped = mapStream(source, (x) => x);
  assertEquals(state.taken, 0);
  await mapped.next();
  assertEquals(state.taken, 1);
  await mapped.return?.();
  assertEquals(state.closed, true);
});

Deno.test("mapStream() runs no more at a time than allowed, however slow the consumer", async () => {
  const { state, source } = counted(20);
  let running = 0;
  let most = 0;
  const mapped = mapStream(source, async (x) => {
    most = Math.max(most, ++running);
    await later(0, 1);
    running--;
    return x;
  }, { concurrency: 3 });
  await mapped.next();
  await later(0, 20);
  assertEquals(state.taken <= 4, true, `${state.taken} items were taken`);
  assertEquals((await Array.fromAsync(mapped)).length, 19);
  assertEquals(most, 3);
  assertEquals(state.closed, true);
});

Deno.test("mapStream() closes its source when a map fails, and passes the error on", async () => {
  const { state, source } = counted(5);
  const mapped = mapStream(source, (x) => {
    if (x === 2) throw new RangeError("two");
    return x;
  }, { concurrency: 2 });
  await assertRejects(() => Array.fromAsync(mapped), RangeError, "two");
  assertEquals(state.closed, true);
});

Deno.test("mapStream() ends with the signal's reason", async () => {
  const { state, source } = counted(5);
  const controller = new AbortController();
  const mapped = mapStream(source, (x) => {
    if (x === 1) controller.abort(new Error("enough"));
    return x;
  }, { signal: controller.signal });
  assertEquals((await mapped.next()).value, 0);
  await assertRejects(() => mapped.next(), Error, "enough");
  assertEquals(state.closed, true);
});

Deno.test("mapStream() refuses a concurrency that is not a positive integer", () => {
  assertThrows(() => mapStream([], (x) => x, { concurrency: 0 }), RangeError, "positive integer");
});

Deno.test("groupStream() joins neighbours of equal key up to the limit", async () => {
  const groups = await Array.fromAsync(groupStream([1, 1, 2, 2, 2, 1], (x) => x, 2));
  assertEquals(groups, [[1, 1], [2, 2], [2], [1]]);
});
