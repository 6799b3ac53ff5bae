import { assert, assertEquals } from "@std/assert";
import type { Method } from "../../pipeline/method.ts";
import { announceTime, formatDuration, Progress } from "./progress.ts";

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
  const progress = new Progress("auto", environment);
  progress.begin(100);
  for (let second = 1; second <= 25; second++) {
    state.time = 1000 * second;
    progress.update(second / 2, second < 20 ? 0 : 3);
  }
  progress.finish(12.5);
  assertEquals(state.text.split("\n").slice(0, -1), [
    "5/100 samples, 2.0 s/sample, 10 s, 3 min 10 s left",
    "10/100 samples, 3 failed, 2.0 s/sample, 20 s, 3 min 00 s left",
    "12/100 samples, 3 failed, 2.0 s/sample, 25 s, 2 min 55 s left",
  ]);
});

Deno.test("Progress draws a bar over itself on a terminal, no wider than it", () => {
  const { state, environment } = fake(true);
  const progress = new Progress("auto", environment);
  progress.begin(4);
  state.time = 1000;
  progress.update(2, 1);
  const words = "2/4 samples, 1 failed, 2.0 samples/s, 1 s, 1 s left";
  assertEquals(state.text, `\r\x1b[K████░░░ ${words}`);
  assertEquals(state.text.length, "\r\x1b[K".length + 59);
  progress.warn("mind the gap");
  assert(state.text.endsWith("\r\x1b[Kmind the gap\n"));
  state.text = "";
  state.time = 2000;
  environment.columns = 20;
  progress.update(3);
  assertEquals(state.text, "\r\x1b[K" + "3/4 samples, 1 fail");
  progress.clear();
  assert(state.text.endsWith("\r\x1b[K"));
});

Deno.test("Progress writes an object a line as JSON, on a terminal too", () => {
  const { state, environment } = fake(true);
  const progress = new Progress("json", environment);
  progress.say('Running on "it"');
  progress.begin(10, 4, 1);
  state.time = 500;
  progress.update(5);
  state.time = 3000;
  progress.update(6.5, 2);
  progress.warn("failed: a:\nb");
  state.time = 6000;
  progress.finish(10);
  assertEquals(state.text.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    { info: 'Running on "it"' },
    { done: 6, total: 10, failed: 2, rate: 0.8333, secondsLeft: 4.2 },
    { warning: "failed: a:\nb" },
    { done: 10, total: 10, failed: 2, rate: 1, secondsLeft: 0 },
  ]);
});

Deno.test("Progress counts other things than samples", () => {
  const { state, environment } = fake(false);
  const progress = new Progress("lines", environment, "heatmaps");
  progress.begin(3);
  state.time = 6000;
  progress.finish(3);
  assertEquals(state.text, "3/3 heatmaps, 2.0 s/heatmap, 6 s\n");
});

Deno.test("Progress knows no rate before there is one", () => {
  const { state, environment } = fake(false);
  for (const kind of ["lines", "json"] as const) {
    const progress = new Progress(kind, environment);
    progress.begin(3);
    progress.finish(0);
  }
  assertEquals(state.text.trimEnd().split("\n"), [
    "0/3 samples, 0 s",
    '{"done":0,"total":3,"failed":0,"rate":0,"secondsLeft":null}',
  ]);
});

Deno.test("a quiet Progress prints faults only", () => {
  const { state, environment } = fake(true);
  const progress = new Progress("quiet", environment);
  progress.say("all is well");
  progress.begin(2);
  state.time = 60_000;
  progress.update(1, 1);
  progress.warn("failed: a");
  progress.finish(2);
  assertEquals(state.text, "failed: a\n");
});

Deno.test("Progress never goes back, past the total, or to a sample that is not done", () => {
  const { state, environment } = fake(true);
  const shown = (kind: "json" | "bar", counts: readonly number[], done: number) => {
    state.text = "";
    const progress = new Progress(kind, environment);
    progress.begin(10, 2);
    for (const count of counts) {
      state.time += 2000;
      progress.update(count);
    }
    progress.finish(done);
    return state.text;
  };
  const numbers = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line).done);
  assertEquals(numbers(shown("json", [1, 4.5, 3, 4.2, 6], 6)), [2, 4, 4, 4, 6, 6]);
  assertEquals(numbers(shown("json", [9, 14, 3], 10)), [9, 10, 10, 10]);
  assertEquals(numbers(shown("json", [4.7], 4)), [4, 4]);
  assertEquals(numbers(shown("json", [5], 4)), [5, 4]);
  environment.columns = 90;
  const filled = (text: string) =>
    text.split("\r").slice(1).map((bar) => bar.split("█").length - 1);
  assertEquals(filled(shown("bar", [4.7, 4.2], 4)), [11, 11, 11]);
});

Deno.test("announceTime() states the time of a run over a minute, and faster settings", async () => {
  const said: string[] = [];
  const progress = new Progress("lines", {
    write: (text) => said.push(text),
    now: () => 0,
    isTerminal: false,
    columns: 80,
  });
  const method = (seconds: number): Method => ({
    ground: () => (async function* () {})(),
    close: () => Promise.resolve(),
    expect: (images, phrases) =>
      Promise.resolve({
        seconds: seconds * images * phrases,
        pass: 1.5612,
        faster: [{ options: "--steps 50", seconds: 58, correlation: 0.997 }],
      }),
  });
  await announceTime(progress, method(59), 1, 1);
  await announceTime(progress, method(300), 0, 0);
  const { expect: _, ...quick } = method(300);
  await announceTime(progress, quick, 1, 1);
  assertEquals(said, []);
  await announceTime(progress, method(60), 2, 3);
  assertEquals(said, [
    "This run takes up to 6 min 00 s here: one pass of the network takes 1.6 s.\n",
    "  --steps 50: up to 58 s; its heatmaps correlate 0.997 with the exact ones (the bundled " +
    "model's, docs/speed.md).\n",
  ]);
});
