/**
 * Opens a baseline by its name.
 *
 * @module
 */

import { openBiovil } from "./biovil/mod.ts";
import type { GroundingMethod } from "./method.ts";
import type { Runtime } from "./runtime/runtime.ts";

/** Opens a baseline from the folder of its published files. */
export type MethodOpener = (folder: string, runtime: Runtime) => Promise<GroundingMethod>;

/** Names of the baselines in options and results. */
export const BASELINES = ["biovil", "biovil-t"] as const;

/** Name of one of the {@linkcode BASELINES}. */
export type BaselineName = typeof BASELINES[number];

/** The function that opens each of the {@linkcode BASELINES}. */
export const OPENERS: Record<BaselineName, MethodOpener> = {
  "biovil": (folder, runtime) => openBiovil(folder, runtime, { variant: "biovil" }),
  "biovil-t": (folder, runtime) => openBiovil(folder, runtime, { variant: "biovil-t" }),
};

/**
 * Opens a baseline.
 *
 * @param name Name of the baseline.
 * @param folder Folder of the baseline's published files.
 * @param runtime Runtime for the model; closing the model leaves its GPU open.
 * @throws {Error} If a file is missing or malformed, or the weights do not fit the architecture.
 */
export async function openMethod(
  name: BaselineName,
  folder: string,
  runtime: Runtime,
): Promise<GroundingMethod> {
  return await OPENERS[name](folder, runtime);
}
