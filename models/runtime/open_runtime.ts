/**
 * Chooses a runtime.
 *
 * @module
 */

import { openNative } from "./native.ts";
import { openWasm } from "./wasm.ts";
import type { Runtime, RuntimeName } from "./runtime.ts";

/** What `--runtime` accepts. */
export const RUNTIMES = ["auto", "native", "wasm"] as const;

/**
 * Opens a runtime: the one that was asked for, or with `"auto"` the fastest
 * that this machine has.
 *
 * @param name Which one.
 * @throws {Error} If the one that was asked for does not load here.
 * @throws {TypeError} If there is none of that name.
 *
 * @example Usage
 * ```ts
 * import { openRuntime } from "./open_runtime.ts";
 *
 * const runtime = await openRuntime("auto");
 * console.log(`${runtime.version}: ${runtime.reason}`);
 * ```
 */
export async function openRuntime(name: RuntimeName | "auto" = "auto"): Promise<Runtime> {
  switch (name) {
    case "native":
      try {
        return await openNative("asked for by name");
      } catch (error) {
        throw new Error(
          `Cannot open runtime "native": onnxruntime-node does not load here ` +
            `(${firstLine(error)}); use "wasm" instead`,
        );
      }
    case "wasm":
      return await openWasm("asked for by name");
    case "auto":
      try {
        return await openNative("the fastest runtime for a CPU");
      } catch (error) {
        return await openWasm(`onnxruntime-node does not load here (${firstLine(error)})`);
      }
    default:
      throw new TypeError(`Cannot open runtime "${name}": expected auto, native or wasm`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
