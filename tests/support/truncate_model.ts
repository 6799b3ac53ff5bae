/**
 * Loaded before a command, it cuts the U-Net's file short in the folder `model`
 * once the command says that it begins, which is while the model is loaded.
 *
 * @module
 */

const { error } = console;

console.error = (...texts: unknown[]) => {
  error(...texts);
  if (String(texts[0]).startsWith("Grounding")) {
    Deno.truncateSync("model/diffusion_model.safetensors", 100_000);
  }
};
