/**
 * Runs `eval`, and truncates the U-Net's file when `eval` prints "Grounding", before the model is
 * loaded. The model must lie in `out`, where the run may write.
 *
 * @module
 */

const { writeSync } = Deno.stderr;

Deno.stderr.writeSync = (bytes) => {
  if (new TextDecoder().decode(bytes).startsWith("Grounding")) {
    Deno.truncateSync("out/model/diffusion_model.safetensors", 100_000);
  }
  return writeSync.call(Deno.stderr, bytes);
};

await import("../../cli/eval.ts");
