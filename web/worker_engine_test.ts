import { assertEquals } from "@std/assert";
import type { Reply } from "./protocol.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** A worker that repeats what it is asked, and ends as it is told. */
const SCRIPT = `onmessage = ({ data }) => {
  postMessage({ kind: "notice", message: JSON.stringify(data) });
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

const open = { kind: "open", model: "demo", place: "auto" } as const;
const image = { kind: "image", name: "a.png", bytes: new ArrayBuffer(3) } as const;
const ground = (run: number, phrase: string) =>
  ({ kind: "ground", run, phrases: [phrase], settings: {} }) as const;
const asked = (replies: readonly Reply[]) =>
  replies.flatMap((reply) => reply.kind === "notice" ? [JSON.parse(reply.message)] : []);

for (const how of ["lose", "break"] as const) {
  Deno.test(`WorkerEngine opens model and image again when a worker is gone (${how})`, () =>
    withEngine(async (engine, until) => {
      for (const request of [open, image, ground(1, how)]) engine.ask(request);
      // Three that were asked, what went wrong, and two that are asked again.
      const first = await until(6);
      const failed = first.filter((reply) => reply.kind === "failed");
      const reason = how === "lose"
        ? "The GPU was lost"
        : "What runs the model ended (Uncaught Error: out of memory)";
      const message = `${reason}: the model is opened again`;
      assertEquals(failed, [{ kind: "failed", request: "ground", run: 1, message }]);
      assertEquals(asked(first).slice(3), [open, { ...image, bytes: {} }]);

      engine.ask(ground(2, "effusion"));
      assertEquals((await until(2))[1], { kind: "ended", run: 2, how: "done" });

      // The second time on the processor, the third time no more.
      engine.ask(ground(3, how));
      const second = await until(4);
      assertEquals(asked(second)[1], { ...open, place: "wasm" });
      engine.ask(ground(4, how));
      const [, last] = await until(2);
      assertEquals(last, {
        ...{ kind: "failed", request: "ground", run: 4 },
        message: `${reason}: reload the page`,
      });
    }));
}
