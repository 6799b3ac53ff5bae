/**
 * `onnxruntime-web` under Deno.
 *
 * @module
 */

import "./_no_location.ts";
import forCpu from "onnxruntime-web";
import forGpu from "onnxruntime-web/jspi";
import type { OrtWeb } from "../host.ts";

/** The instance in use on the GPU. */
let gpuInstance = forGpu as OrtWeb;

/** Loads a build; a fresh instance in place of one that the GPU was lost under. */
export async function loadOrt(build: "wasm" | "webgpu", isFresh = false): Promise<OrtWeb> {
  if (build === "wasm") return forCpu;
  if (isFresh) gpuInstance = await freshCopy();
  return gpuInstance;
}

/**
 * Another instance of the library: its WebAssembly aborts for good when the
 * device is lost under it, and modules are loaded once an address.
 */
async function freshCopy(): Promise<OrtWeb> {
  const address = import.meta.resolve("onnxruntime-web/jspi");
  const source = await (await fetch(address)).text();
  const copy = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const { default: fresh } = await import(copy) as { default: OrtWeb };
    // The copy does not know where its file was.
    const wasm = await fetch(new URL("ort-wasm-simd-threaded.jspi.wasm", address));
    fresh.env.wasm.wasmBinary = await wasm.arrayBuffer();
    return fresh;
  } finally {
    URL.revokeObjectURL(copy);
  }
}
