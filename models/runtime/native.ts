/**
 * `onnxruntime-node`: the CPU of this machine at full speed.
 *
 * @module
 */

import type * as Ort from "onnxruntime-node";
import type { Runtime } from "./runtime.ts";
import { wrapSession } from "./_session.ts";

/**
 * Opens the native runtime.
 *
 * @throws {Error} If its library does not load on this machine.
 */
export async function openNative(reason: string): Promise<Runtime> {
  // A CommonJS package: its exports stand under `default`.
  const { default: ort } = await import("onnxruntime-node") as unknown as { default: typeof Ort };
  return {
    name: "native",
    version: `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}`,
    reason,
    async load(model, weights) {
      const options: Ort.InferenceSession.SessionOptions = { logSeverityLevel: 3 };
      if (weights) {
        // The runtime maps the file itself: the checkpoint never passes through this process's
        // heap. It accepts only a plain name inside a folder that it is told of.
        const folder = weights.path.slice(0, -weights.location.length);
        options.extra = {
          session: { model_external_initializers_file_folder_path: folder || "." },
        };
      }
      const session = await ort.InferenceSession.create(model, options);
      return wrapSession(ort, session);
    },
  };
}
