import { assert } from "@std/assert";
import { openRuntime } from "../models/runtime/mod.ts";
import { replay } from "./support/replay.ts";

const REFERENCE = new URL("../../shared/reference/ldm-tiny", import.meta.url).pathname;

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
