import { assertEquals } from "@std/assert";
import type { Reply } from "./engine_messages.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** A worker that repeats each request, and ends as the phrase says. */
const SCRIPT = `onmessage = ({ data }) => {
  postMessage({ kind: "identified", sha256: JSON.stringify(data) });
  if (data.kind === "image") {
    const { image, name } = data;
    if (name === "bad") postMessage({ kind: "failed", request: "image", image, message: "bad" });
    else if (name !== "slow") postMessage({ kind: "image", image, name });
  }
  if (data.kind === "open") {
    const failed = { kind: "failed", request: "open", message: data.model };
    if (data.model === "none") postMessage(failed);
    if (data.model === "no model") postMessage({ ...failed, keepsModel: true });
    if (data.model === "model") postMessage({ kind: "opened" });
  }
  if (data.kind !== "ground") return;
  if (data.phrases[0] === "lose") postMessage("lost");
  else if (data.phrases[0] === "break") setTimeout(() => { throw new Error("out of memory"); });
  else postMessage({ kind: "ended", run: data.run, how: "done" });
}`;

async function withEngine(
  test: (engine: WorkerEngine, until: (count: number) => Promise<Reply[]>) => Promise<void>,
): Promise<void> {
  const url = URL.createObjectURL(new Blob([SCRIPT], { type: "text/javascript" }));
  const engine = new WorkerEngine(new URL(url));
  let replies: Reply[] = [];
  let told = () => {};
  engine.onReply = (reply) => {
    replies.push(reply);
    told();
  };
  try {
    await test(engine, async (count) => {
      while (replies.length < count) await new Promise<void>((resolve) => told = resolve);
      const got = replies;
      replies = [];
      return got;
    });
  } finally {
    engine.close();
    URL.revokeObjectURL(url);
  }
}

const open = { kind: "open", model: "demo", device: "auto" } as const;
const image = { kind: "image", image: 1, name: "a.png", bytes: new ArrayBuffer(3) } as const;
const ground = (run: number, phrase: string, image = 1) =>
  ({ kind: "ground", run, image, phrases: [phrase], settings: {} }) as const;
const asked = (replies: readonly Reply[]) =>
  replies.flatMap((reply) => reply.kind === "identified" ? [JSON.parse(reply.sha256)] : []);

for (const how of ["lose", "break"] as const) {
  Deno.test(`WorkerEngine opens model and image again when a worker is gone (${how})`, () =>
    withEngine(async (engine, until) => {
      for (const request of [open, image, ground(1, how)]) engine.ask(request);
      // Replies: three repeated requests, the image, the failure, and two requests asked again.
      const first = await until(7);
      assertEquals(first.filter(({ kind }) => kind === "image").length, 1);
      const failed = first.filter((reply) => reply.kind === "failed");
      const reason = how === "lose"
        ? "The GPU was lost"
        : "What runs the model ended (Uncaught Error: out of memory)";
      const message = `${reason}: the model is opened again`;
      assertEquals(failed, [{ kind: "failed", request: "ground", run: 1, image: 1, message }]);
      assertEquals(asked(first).slice(3), [open, { ...image, bytes: {} }]);

      engine.ask(ground(2, "effusion"));
      assertEquals((await until(2))[1], { kind: "ended", run: 2, how: "done" });

      // The second new worker runs on the processor; after the third loss there is no new worker.
      engine.ask(ground(3, how));
      const second = await until(4);
      assertEquals(asked(second)[1], { ...open, device: "wasm" });
      engine.ask(ground(4, how));
      const [, last] = await until(2);
      assertEquals(last, {
        ...{ kind: "failed", request: "ground", run: 4, image: 1 },
        message: `${reason}: reload the page`,
      });

      // A further request is refused with the reason; a model may still be opened.
      engine.ask(ground(5, "effusion"));
      assertEquals(await until(1), [{
        ...{ kind: "failed", request: "ground", run: 5, image: 1 },
        message: "What runs the model has ended: open a model, or reload the page",
      }]);
      engine.ask(open);
      assertEquals(asked(await until(2)), [open, { ...image, bytes: {} }]);
      engine.ask(ground(6, "effusion"));
      assertEquals((await until(2))[1], { kind: "ended", run: 6, how: "done" });
    }));
}

Deno.test("WorkerEngine takes a new worker after a model did not open, with the image it had", () =>
  withEngine(async (engine, until) => {
    const none = { ...open, model: "none" } as unknown as typeof open;
    const bad = { ...image, image: 2, name: "bad" };
    for (const request of [open, bad, image, none]) engine.ask(request);
    const first = await until(7);
    assertEquals(first.flatMap((reply) => reply.kind === "failed" ? [reply.request] : []), [
      "image",
      "open",
    ]);
    // The page already has the image.
    engine.ask(open);
    engine.ask(ground(1, "effusion"));
    const second = await until(4);
    assertEquals(asked(second), [open, { ...image, bytes: {} }, ground(1, "effusion")]);
    assertEquals(second.at(-1), { kind: "ended", run: 1, how: "done" });
  }));

Deno.test("WorkerEngine opens no other image again than the one that was asked for last", () =>
  withEngine(async (engine, until) => {
    const images = (replies: readonly Reply[]) =>
      asked(replies).flatMap(({ kind, image }) => kind === "image" ? [image] : []);
    for (const request of [open, image, { ...image, image: 2, name: "bad" }]) engine.ask(request);
    await until(5);
    engine.ask(ground(1, "lose"));
    // The page has no image: the first image must not be opened under the second image's name.
    assertEquals(images(await until(3)), []);
    // The image asked for last is asked for again, even though it was not read yet.
    engine.ask(image);
    engine.ask({ ...image, image: 3, name: "slow" });
    engine.ask(ground(2, "lose", 3));
    const replies = await until(7);
    assertEquals(images(replies), [1, 3, 3]);
    const read = replies.flatMap((reply) => reply.kind === "image" ? [reply.image] : []);
    assertEquals(read, [1]);
  }));

Deno.test("WorkerEngine does not take the end of an earlier run for that of the one under way", () =>
  withEngine(async (engine, until) => {
    for (const request of [open, image, ground(1, "wait")]) engine.ask(request);
    engine.ask({ ...image, image: 2 });
    engine.ask(ground(2, "break", 2));
    const failed = (await until(9)).filter((reply) => reply.kind === "failed");
    assertEquals(failed.map(({ request, run }) => [request, run]), [["ground", 2]]);
  }));

Deno.test("WorkerEngine opens the earlier model again if another model cannot be read", () =>
  withEngine(async (engine, until) => {
    const named = (model: string) => ({ ...open, model }) as unknown as typeof open;
    engine.ask(named("model"));
    engine.ask(named("no model"));
    engine.ask(ground(1, "effusion"));
    assertEquals((await until(6)).at(-1), { kind: "ended", run: 1, how: "done" });
    engine.ask(ground(2, "break"));
    const replies = await until(4);
    assertEquals(asked(replies).at(-1), named("model"));
    assertEquals(replies.at(-1)!.kind, "opened");
  }));

Deno.test("WorkerEngine reports a script that does not load, and answers waiting requests", async () => {
  const url = URL.createObjectURL(new Blob(["("], { type: "text/javascript" }));
  const engine = new WorkerEngine(new URL(url));
  const { promise, resolve } = Promise.withResolvers<void>();
  const failed: Reply[] = [];
  engine.onReply = (reply) => {
    failed.push(reply);
    if (reply.kind === "failed" && /reload/.test(reply.message) && reply.request === "open") {
      resolve();
    }
  };
  engine.ask(open);
  engine.ask(image);
  await promise;
  engine.close();
  URL.revokeObjectURL(url);
  assertEquals(failed.map((reply) => reply.kind === "failed" && reply.request), [
    ...["open", "open", "image", "open"],
  ]);
});
