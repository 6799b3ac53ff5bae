/**
 * `onnxruntime-node`: the CPU of this machine at full speed.
 *
 * @module
 */

import type * as Ort from "onnxruntime-node";
import type { NativeOrt } from "../../base/host/host.ts";
import { wrapSession } from "./_session.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Opens the native runtime.
 *
 * @param native The host's loader of the library.
 * @param reason Why this runtime was chosen, as a clause.
 * @throws {Error} If the library does not load on this machine.
 */
export async function openNative(native: NativeOrt, reason: string): Promise<Runtime> {
  const ort = await native.load();
  /** Folder and name of a file after following links. */
  const splitPath = (link: string) => {
    const path = native.realPath(link);
    const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1;
    return { folder: path.slice(0, end) || ".", name: path.slice(end) };
  };
  return {
    name: "native",
    version: `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}`,
    reason,
    refer({ path, offset }) {
      return { location: splitPath(path).name, offset };
    },
    async load(model, external = []) {
      // Threads that wait for work must not spin: that took a third of the processor's time, and made
      // the bundled model slower on 2 cores.
      const session: Record<string, unknown> = { intra_op: { allow_spinning: "0" } };
      const options: Ort.InferenceSession.SessionOptions = {
        logSeverityLevel: 3,
        extra: { session },
      };
      if (external[0]) {
        // The runtime maps the file itself: the checkpoint never passes through this process's
        // heap. It accepts only a plain name inside the folder given here, and no link. Model
        // hubs store files behind links, so the paths are resolved first.
        const paths = new Set(external.map(({ path }) => path));
        const [folder, other] = new Set([...paths].map((path) => splitPath(path).folder));
        if (other !== undefined) {
          throw new Error(`its files lie in "${folder}" and "${other}", expected one folder`);
        }
        session.model_external_initializers_file_folder_path = folder!;
      }
      return wrapSession(ort, await ort.InferenceSession.create(model, options));
    },
  };
}
