import "./_no_location.ts";
import type { OrtWeb } from "../host.ts";

/** Current instance of the GPU build. */
let gpuInstance: OrtWeb | undefined;

/** Loads a build. With `isFresh`, a new instance replaces the one whose GPU was lost. */
export async function loadOrt(build: "wasm" | "webgpu", isFresh = false): Promise<OrtWeb> {
  if (build === "wasm") return (await import("onnxruntime-web")).default;
  if (isFresh) gpuInstance = await freshCopy();
  return gpuInstance ??= (await import("onnxruntime-web/jspi")).default as OrtWeb;
}

/**
 * Creates another instance of the library from a copy of its source. After the loss of a device,
 * the WebAssembly of the old instance stays aborted. A second import of the same address would
 * return the old instance.
 */
async function freshCopy(): Promise<OrtWeb> {
  const address = import.meta.resolve("onnxruntime-web/jspi");
  const source = await (await fetch(address)).text();
  const copy = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    const { default: fresh } = await import(copy) as { default: OrtWeb };
    // The copy has another address, so it cannot find the WebAssembly file by itself.
    const wasm = await fetch(new URL("ort-wasm-simd-threaded.jspi.wasm", address));
    fresh.env.wasm.wasmBinary = await wasm.arrayBuffer();
    return fresh;
  } finally {
    URL.revokeObjectURL(copy);
  }
}
