import type { OrtWeb } from "../host.ts";

/**
 * Loads a build of the library. For the GPU, the JSPI build is preferred if the browser supports
 * JSPI: this build is smaller and faster.
 *
 * @throws {Error} If the build does not load, or if `isFresh` is set: a browser loads a module only
 * once.
 */
export async function loadOrt(build: "wasm" | "webgpu", isFresh = false): Promise<OrtWeb> {
  if (isFresh) throw new Error("Cannot use the GPU again after it was lost: reload the page");
  // Every build of the package is an ES module with a default export.
  const loading: Promise<unknown> = build === "wasm"
    ? import("onnxruntime-web/wasm")
    : "Suspending" in WebAssembly
    ? import("onnxruntime-web/jspi")
    : import("onnxruntime-web/webgpu");
  const library = await loading.catch((cause) => {
    throw new Error(`Cannot load onnxruntime-web (${build}): ${cause.message}`, { cause });
  });
  return (library as { default: OrtWeb }).default;
}
