/**
 * `onnxruntime-web` in a browser.
 *
 * @module
 */

import type { OrtWeb } from "../host.ts";

/**
 * Loads a build: on the GPU the one that suspends WebAssembly by JSPI where the browser has that,
 * which is the smaller and faster one.
 *
 * @throws {Error} If it does not load, or a fresh instance is asked for: a browser loads a module
 * once.
 */
export async function loadOrt(build: "wasm" | "webgpu", isFresh = false): Promise<OrtWeb> {
  if (isFresh) throw new Error("Cannot use the GPU again after it was lost: reload the page");
  // The package is one of ES modules with a default export in every build.
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
