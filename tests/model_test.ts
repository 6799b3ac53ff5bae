import { assert, assertRejects } from "@std/assert";
import { openRuntime } from "../models/runtime/mod.ts";
import { replay } from "./support/replay.ts";

const REFERENCE = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;

Deno.test("in float16 the networks stay near the reference's intermediates", async () => {
  const runtime = await openRuntime("webgpu");
  const report = await replay(REFERENCE, runtime, "float16");
  runtime.gpu?.destroy();
  console.log("largest differences in float16:", report);
  // Sums of some two thousand products of 11-bit numbers, through some hundred layers.
  assert(report.modelOutput < 0.1, "model output");
  report.attention.forEach((difference, layer) => assert(difference < 0.1, `attention ${layer}`));
  assert(report.inversion < 0.5, "latents after each inversion step");
  // What runs once an image or a phrase stays in float32.
  assert(report.latent < 1e-4, "latent");
  assert(report.promptEmbeddings < 1e-4, "prompt embeddings");
});

Deno.test("float16 is refused where nothing computes in it", async () => {
  const runtime = await openRuntime("native");
  await assertRejects(
    () => replay(REFERENCE, runtime, "float16"),
    TypeError,
    "Cannot compute in float16 with onnxruntime-node",
  );
});

for (const name of ["native", "wasm", "webgpu"] as const) {
  Deno.test(`the networks give the reference's intermediates on ${name}`, async () => {
    const runtime = await openRuntime(name);
    const report = await replay(REFERENCE, runtime);
    runtime.gpu?.destroy();
    console.log(`largest differences on ${name}:`, report);
    assert(report.latent < 1e-4, "latent");
    assert(report.promptEmbeddings < 1e-4, "prompt embeddings");
    assert(report.modelOutput < (name === "webgpu" ? 5e-4 : 2e-4), "model output");
    report.attention.forEach((difference, layer) =>
      assert(difference < 5e-5, `attention ${layer}`)
    );
    assert(report.attention.length === 11);
    assert(report.inversion < 5e-4, "latents after each inversion step");
  });
}
