import "../../base/host/deno/mod.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { DeviceLostError } from "../../shaders/device.ts";
import { testOn } from "../../tests/support/runtimes.ts";
import { encodeModel } from "../onnx/encode.ts";
import { GraphBuilder } from "../onnx/graph.ts";
import { openRuntime } from "./open_runtime.ts";
import type { Runtime } from "./runtime.ts";

/** Loads a model that multiplies two numbers by a factor. */
async function load(runtime: Runtime, factor: number) {
  const g = new GraphBuilder("scale");
  const x = g.input("x", "float32", [2]);
  g.output(g.node("Mul", [x, g.floats([factor], [])], [x])[0]!, "y");
  return await runtime.load(encodeModel(g.build(), new Map()));
}

const feeds = (...values: number[]) => ({
  x: { data: Float32Array.from(values), dims: [values.length] },
});

testOn("webgpu-native", "sessions that are asked at the same time answer rightly", async () => {
  const runtime = await openRuntime("webgpu-native");
  const sessions = [await load(runtime, 2), await load(runtime, 3)];
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => sessions[i % 2]!.run(feeds(i, 1), ["y"])),
  );
  answers.forEach(({ y }, i) =>
    assertEquals([...y!.data as Float32Array], [i, 1].map((x) => x * (2 + i % 2)))
  );
  for (const session of sessions) await session.release();
});

testOn("webgpu-native", "a run that fails counts as a lost GPU, which opens again", async () => {
  const runtime = await openRuntime("webgpu-native");
  const session = await load(runtime, 2);
  const error = await assertRejects(() => session.run(feeds(1, 2, 3), ["y"]), DeviceLostError);
  assertEquals(error.message.startsWith("Cannot run the model: the GPU was lost ("), true);
  await session.release();
  const again = await runtime.reopen!();
  assertEquals([again.name, again.adapter], [runtime.name, runtime.adapter]);
  const next = await load(again, 2);
  const { y } = await next.run(feeds(1, 2), ["y"]);
  assertEquals([...y!.data as Float32Array], [2, 4]);
  await next.release();
});

Deno.test("a provider that is not there is an error of one sentence", async () => {
  const os = Deno.build.os;
  if (os !== "darwin") {
    await assertRejects(
      () => openRuntime("coreml"),
      Error,
      'Cannot open runtime "coreml": onnxruntime-node has it on macOS only',
    );
  }
  if (os !== "windows") {
    await assertRejects(
      () => openRuntime("dml"),
      Error,
      'Cannot open runtime "dml": onnxruntime-node has it on Windows only',
    );
  }
  for (const name of ["cuda", "webgpu-native", "webgpu-deno"] as const) {
    await assertRejects(
      () => openRuntime(name, "cpu"),
      TypeError,
      `Cannot open runtime "${name}" on the CPU`,
    );
  }
});

Deno.test("a driver that the native WebGPU refuses is an error that names another runtime", async () => {
  const message = await openRuntime("webgpu-native").then(
    () => undefined,
    ({ message }) => message,
  );
  const refused = 'Cannot open runtime "webgpu-native": Failed to get a WebGPU adapter: ' +
    'No supported adapters; use "webgpu-deno" instead';
  // Debian 12's own driver is refused, later drivers are not.
  if (message !== undefined) assertEquals(message, refused);
});
