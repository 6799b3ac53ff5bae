import { assertEquals, assertMatch } from "@std/assert";
import { InputSyntaxError } from "../base/errors.ts";
import { createEngine } from "./engine.ts";
import type { Reply } from "./engine_messages.ts";

/** Asks an engine, whose decoder fails, to open an image; returns its reply. */
function openImage(decode: () => never): Promise<Reply> {
  const absent = () => Promise.reject(new Error("there is no model"));
  const engine = createEngine({ openBundle: absent, openRuntime: absent, decode });
  const { promise, resolve } = Promise.withResolvers<Reply>();
  engine.onReply = resolve;
  engine.ask({ kind: "image", image: 1, name: "a.png", bytes: new ArrayBuffer(1) });
  return promise.finally(() => engine.close());
}

Deno.test("createEngine() names a bad image, and a bug as a bug", async () => {
  const bad = await openImage(() => {
    throw new InputSyntaxError("it is truncated");
  });
  const failed = { kind: "failed", request: "image", image: 1 };
  assertEquals(bad, { ...failed, message: "a.png: it is truncated" });
  const { error } = console;
  const printed: unknown[] = [];
  console.error = (cause) => printed.push(cause);
  try {
    const bug = await openImage(() => (undefined as unknown as [never]).length as never);
    if (bug.kind !== "failed") throw new Error(bug.kind);
    assertMatch(bug.message, /^Cannot go on: this is a bug of Groundray \(TypeError: /);
    assertMatch((printed[0] as Error).stack!, /engine_test\.ts/);
  } finally {
    console.error = error;
  }
});
