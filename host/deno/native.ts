/**
 * `onnxruntime-node`: the CPU of this machine at full speed.
 *
 * @module
 */

import type * as Ort from "onnxruntime-node";
import type { Runtime } from "../../models/runtime/runtime.ts";
import { wrapSession } from "../../models/runtime/_session.ts";

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
    refer({ path, offset }) {
      return { location: splitPath(path).name, offset };
    },
    async load(model, external = []) {
      const options: Ort.InferenceSession.SessionOptions = { logSeverityLevel: 3 };
      if (external[0]) {
        // The runtime maps the file itself: the checkpoint never passes through this process's
        // heap. It accepts only a plain name inside a folder that it is told of, and no link, as
        // model hubs keep files behind.
        const paths = new Set(external.map(({ path }) => path));
        const [folder, other] = new Set([...paths].map((path) => splitPath(path).folder));
        if (other !== undefined) {
          throw new Error(`its files lie in "${folder}" and "${other}", expected one folder`);
        }
        options.extra = { session: { model_external_initializers_file_folder_path: folder! } };
      }
      return wrapSession(ort, await ort.InferenceSession.create(model, options));
    },
  };
}

/** Where a file is, links followed. */
function splitPath(link: string): { folder: string; name: string } {
  const path = Deno.realPathSync(link);
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
  return { folder: path.slice(0, end) || ".", name: path.slice(end) };
}
