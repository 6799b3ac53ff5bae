import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from "onnxruntime-web";
import type { OutputTensor, Session } from "./runtime.ts";

/** The part of `onnxruntime-node` and `onnxruntime-web` that this file uses. */
interface OrtLibrary {
  // deno-lint-ignore no-explicit-any
  readonly Tensor: new (type: any, data: any, dims: readonly number[]) => unknown;
}

/** The part of a session of either library that this file uses. */
interface OrtSession {
  // deno-lint-ignore no-explicit-any
  run(feeds: any, fetches: readonly string[]): Promise<any>;
  release(): Promise<void>;
}

/** Wraps a session of either library as a {@linkcode Session} with tensors in memory. */
export function wrapSession(ort: OrtLibrary, session: OrtSession): Session {
  return {
    async run(feeds, fetches) {
      const inputs: InferenceSession.OnnxValueMapType = {};
      for (const [name, { data, dims }] of Object.entries(feeds)) {
        const type = data instanceof Float32Array ? "float32" : "int64";
        (inputs as Record<string, unknown>)[name] = new ort.Tensor(type, data, dims);
      }
      const results: Record<string, OrtTensor> = await session.run(inputs, fetches);
      const outputs: Record<string, OutputTensor> = {};
      for (const name of fetches) {
        const { data, dims } = results[name] as TypedTensor<"float32">;
        if (!(data instanceof Float32Array)) {
          throw new Error(`Cannot read output "${name}": expected float32`);
        }
        outputs[name] = { data, dims, release: () => {} };
      }
      return outputs;
    },
    release: () => session.release(),
  };
}
