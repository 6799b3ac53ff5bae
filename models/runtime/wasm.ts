/**
 * `onnxruntime-web` on WebAssembly: runs wherever this program does.
 *
 * @module
 */

import { host } from "../../host/host.ts";
import type { ExternalData, Runtime } from "./runtime.ts";
import { wrapSession } from "./_session.ts";

/** Opens the WebAssembly runtime with as many threads as it may have. */
export async function openWasm(reason: string): Promise<Runtime> {
  const ort = await host().loadOrt("wasm");
  ort.env.wasm.numThreads = host().wasmThreads;
  ort.env.logLevel = "error";
  return {
    name: "wasm",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    reason,
    refer({ offset, length }) {
      return { location: nameOf(offset, length), offset: 0 };
    },
    async load(model, external = []) {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: ["wasm"],
        externalData: await readExternal(external),
        logSeverityLevel: 3,
      });
      return wrapSession(ort, session);
    },
  };
}

/** The name that a model refers to a stretch of a file by. */
export function nameOf(offset: number, length: number): string {
  return `${offset}+${length}`;
}

/**
 * Reads each tensor by itself, in the type that it is to be loaded as: WebAssembly cannot map a file, and a graph that
 * is a part of a network must not hold the bytes of the other part.
 */
export async function readExternal(
  external: readonly ExternalData[],
): Promise<{ path: string; data: Uint8Array }[]> {
  if (!external[0]) return [];
  using file = await host().files.open(external[0].path);
  const files = [];
  for (const { path, offset, length, asFloat16 } of external) {
    const data = new Uint8Array(length);
    if (await file.read(offset, data) < length) throw new SyntaxError(`"${path}" is truncated`);
    const loaded = asFloat16 ? Float16Array.from(new Float32Array(data.buffer)) : data;
    files.push({ path: nameOf(offset, length), data: new Uint8Array(loaded.buffer) });
  }
  return files;
}
