import "../base/host/deno/mod.ts";
import { assert, assertRejects } from "@std/assert";
import { loadBundle } from "../models/ldm/bundle.ts";
import { openModel } from "../models/ldm/model.ts";
import type { WeightType } from "../models/ldm/weights.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { replay } from "./support/replay.ts";
import { RUNTIMES_TO_TRY, testOn } from "./support/runtimes.ts";

const REFERENCE = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;

Deno.test("with float16 weights the networks stay near the reference's intermediates", async () => {
  const runtime = await openRuntime("webgpu");
  const report = await replay(REFERENCE, runtime, "float16");
  runtime.gpu?.destroy();
  console.log("largest differences with float16 weights:", report);
  // Each weight is off by up to 1/2048 of itself, and the softmax of large scores magnifies the
  // error. The autoencoder's weights stay exact.
  assert(report.latent < 1e-4, "latent");
  assert(report.promptEmbeddings < 5e-3, "prompt embeddings");
  assert(report.modelOutput < 1e-2, "model output");
  report.attention.forEach((difference, layer) => assert(difference < 1e-2, `attention ${layer}`));
  assert(report.inversion < 5e-2, "latents after each inversion step");
});

Deno.test("products in float16 stay near the reference's intermediates", async () => {
  // The CPU in the place of a GPU that multiplies float16: it rounds the same values.
  const runtime = { ...await openRuntime("native"), float16: "multiplied" as const };
  const report = await replay(REFERENCE, runtime, "float16");
  console.log("largest differences with products in float16:", report);
  assert(report.latent < 1e-4, "latent");
  assert(report.promptEmbeddings < 5e-3, "prompt embeddings");
  assert(report.promptEmbeddings > 1e-4, "the text encoder's products are rounded");
  assert(report.modelOutput < 1e-2, "model output");
  assert(report.modelOutput > 1e-4, "the U-Net's products are rounded");
  report.attention.forEach((difference, layer) => assert(difference < 1e-2, `attention ${layer}`));
  assert(report.inversion < 5e-2, "latents after each inversion step");
});

Deno.test("float16 weights take half the memory of the GPU", async () => {
  const bundle = await loadBundle(REFERENCE);
  const loaded = async (weights: WeightType) => {
    const runtime = await openRuntime("webgpu");
    const { device } = runtime.gpu!;
    let bytes = 0;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      bytes += descriptor.size;
      return createBuffer(descriptor);
    };
    const model = await openModel(bundle, runtime, { weights });
    await model.close();
    runtime.gpu!.destroy();
    return bytes;
  };
  const [whole, half] = [await loaded("float32"), await loaded("float16")];
  assert(half < 0.6 * whole, `${half} against ${whole} bytes`);
});

Deno.test("float16 weights are refused where there is no GPU for them", async () => {
  const runtime = await openRuntime("native");
  await assertRejects(
    () => replay(REFERENCE, runtime, "float16"),
    TypeError,
    "Cannot keep weights in float16 with onnxruntime-node",
  );
});

for (const name of RUNTIMES_TO_TRY) {
  testOn(name, "the networks give the reference's intermediates", async () => {
    const runtime = await openRuntime(name);
    const report = await replay(REFERENCE, runtime);
    runtime.gpu?.destroy();
    console.log(`largest differences on ${name}:`, report);
    assert(report.latent < 1e-4, "latent");
    assert(report.promptEmbeddings < 1e-4, "prompt embeddings");
    assert(report.modelOutput < (name.startsWith("webgpu") ? 5e-4 : 2e-4), "model output");
    report.attention.forEach((difference, layer) =>
      assert(difference < 5e-5, `attention ${layer}`)
    );
    assert(report.attention.length === 11);
    assert(report.inversion < 5e-4, "latents after each inversion step");
  });
}
