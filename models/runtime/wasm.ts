/**
 * `onnxruntime-web` on WebAssembly: runs wherever this program does.
 *
 * @module
 */

import { host } from "../../base/host/host.ts";
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
    refer(data) {
      return { location: nameOf(data), offset: 0 };
    },
    async load(model, external = []) {
      const session = await withExternal(
        external,
        (externalData) =>
          ort.InferenceSession.create(model, {
            executionProviders: ["wasm"],
            externalData,
            logSeverityLevel: 3,
          }),
      );
      return wrapSession(ort, session);
    },
  };
}

/** The name that a model refers to a stretch of a file by. */
export function nameOf({ path, offset, length }: ExternalData): string {
  return `${path.slice(path.lastIndexOf("/") + 1)}@${offset}+${length}`;
}

/** A tensor in memory, by the name that a model refers to it by. */
export interface ReadTensor {
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a model's weights, has it loaded with them, and gives their memory back: the session has
 * copied them, and at full size the next network would be read before the collector gets to them.
 *
 * @param load Loads the model; must not hold what it was given beyond its end.
 */
export async function withExternal<T>(
  external: readonly ExternalData[],
  load: (tensors: ReadTensor[]) => Promise<T>,
): Promise<T> {
  const tensors = await readExternal(external);
  try {
    return await load(tensors);
  } finally {
    for (const { data } of tensors) data.buffer.transfer(0);
  }
}

/**
 * Reads each tensor by itself, in the type that it is to be loaded as: WebAssembly cannot map a file,
 * and a graph that is a part of a network must not hold the bytes of the other part.
 */
async function readExternal(external: readonly ExternalData[]): Promise<ReadTensor[]> {
  const files: ReadTensor[] = [];
  for (const [path, tensors] of Map.groupBy(external, ({ path }) => path)) {
    using file = await host().files.open(path);
    for (const tensor of tensors) {
      const data = new Uint8Array(tensor.length);
      if (await file.read(tensor.offset, data) < tensor.length) {
        throw new SyntaxError(`"${path}" is truncated`);
      }
      const loaded = tensor.asFloat16 ? Float16Array.from(new Float32Array(data.buffer)) : data;
      files.push({ path: nameOf(tensor), data: new Uint8Array(loaded.buffer) });
    }
  }
  return files;
}
