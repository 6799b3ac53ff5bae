import { assert, assertEquals } from "@std/assert";
import { formatDuration, Progress } from "./_progress.ts";

function fake(isTerminal: boolean) {
  const state = { time: 0, text: "" };
  const environment = {
    write: (text: string) => void (state.text += text),
    now: () => state.time,
    isTerminal,
    columns: 60,
  };
  return { state, environment };
}

Deno.test("formatDuration() says seconds, minutes and hours", () => {
  assertEquals(formatDuration(11.6), "12 s");
  assertEquals(formatDuration(185), "3 min 05 s");
  assertEquals(formatDuration(3725), "1 h 02 min");
});

Deno.test("Progress writes a plain line now and then where there is no terminal", () => {
  const { state, environment } = fake(false);
  const progress = new Progress(100, 0, environment);
  for (let second = 1; second <= 25; second++) {
    state.time = 1000 * second;
    progress.update(second / 2);
  }
  progress.finish(12.5);
  assertEquals(state.text.split("\n").slice(0, -1), [
    "5/100 samples, 2.0 s/sample, 10 s, 3 min 10 s left",
    "10/100 samples, 2.0 s/sample, 20 s, 3 min 00 s left",
    "12/100 samples, 2.0 s/sample, 25 s, 2 min 55 s left",
  ]);
});

Deno.test("Progress draws a bar over itself on a terminal, no wider than it", () => {
  const { state, environment } = fake(true);
  const progress = new Progress(4, 0, environment);
  state.time = 1000;
  progress.update(2);
  assert(state.text.startsWith("\r\x1b[K████████████░"));
  assertEquals(state.text.length, "\r\x1b[K".length + 59);
  progress.clear();
  assert(state.text.endsWith("\r\x1b[K"));
});
