/**
 * `onnxruntime-web` on WebAssembly: runs wherever this program does.
 *
 * @module
 */

import ort from "onnxruntime-web";
import type { Runtime } from "./runtime.ts";
import { wrapSession } from "./_session.ts";

/** Opens the WebAssembly runtime with as many threads as the machine has processors. */
export function openWasm(reason: string): Promise<Runtime> {
  ort.env.wasm.numThreads = navigator.hardwareConcurrency;
  ort.env.logLevel = "error";
  return Promise.resolve({
    name: "wasm",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    reason,
    async load(model, weights) {
      const externalData = weights
        ? [{ path: weights.location, data: await Deno.readFile(weights.path) }]
        : [];
      const session = await ort.InferenceSession.create(model, {
        executionProviders: ["wasm"],
        externalData,
        logSeverityLevel: 3,
      });
      return wrapSession(ort, session);
    },
  });
}
