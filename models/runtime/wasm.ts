/**
 * `onnxruntime-web` on WebAssembly, which runs on every host.
 *
 * @module
 */

import { host } from "../../base/host/host.ts";
import type { ExternalData, Runtime } from "./runtime.ts";
import { wrapSession } from "./_session.ts";

/** Opens the WebAssembly runtime with as many threads as the host allows. */
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

/** The name by which a model refers to a byte range of a file. */
export function nameOf({ path, offset, length }: ExternalData): string {
  return `${path.slice(path.lastIndexOf("/") + 1)}@${offset}+${length}`;
}

/** The bytes of a tensor; `path` is the name by which the model refers to it. */
export interface ReadTensor {
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * Reads a model's weights, loads the model with them, and frees their memory.
 *
 * The session has its own copy of the weights. At full size the garbage collector would free
 * them too late: only after the next network is read.
 *
 * @param load Loads the model; must not use the tensors after its promise settles.
 * @throws {SyntaxError} If a file ends before one of its byte ranges.
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
 * Reads each tensor by itself, in the type to load it as. WebAssembly cannot map a file, and one
 * part of a network must not hold the bytes of the other parts.
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
      const loaded = tensor.asFloat16
        ? Float16Array.from(new Float32Array(data.buffer))
        : tensor.asFloat32
        // A bfloat16 is the upper half of a float32.
        ? Uint32Array.from(new Uint16Array(data.buffer), (half) => half << 16)
        : data;
      files.push({ path: nameOf(tensor), data: new Uint8Array(loaded.buffer) });
    }
  }
  return files;
}
