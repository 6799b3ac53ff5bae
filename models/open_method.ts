/**
 * Opens a baseline by its name.
 *
 * @module
 */

import { openBiovil } from "./biovil/mod.ts";
import type { GroundingMethod } from "./method.ts";
import type { Runtime } from "./runtime/runtime.ts";

/** Opens a method from the folder that its published files are in. */
export type MethodOpener = (folder: string, runtime: Runtime) => Promise<GroundingMethod>;

/** Names of the methods that have a model of their own beside the diffusion model. */
export const BASELINES = ["biovil", "biovil-t"] as const;

/** Name of a baseline. */
export type BaselineName = typeof BASELINES[number];

/** What opens each of the {@linkcode BASELINES}. */
export const OPENERS: Record<BaselineName, MethodOpener> = {
  "biovil": (folder, runtime) => openBiovil(folder, runtime, { variant: "biovil" }),
  "biovil-t": (folder, runtime) => openBiovil(folder, runtime, { variant: "biovil-t" }),
};

/**
 * Opens a baseline.
 *
 * @param name Which.
 * @param folder The folder that its published files are in.
 * @param runtime What is to run it; stays its caller's.
 * @throws {Error} If its files are not there, or not what they should be.
 */
export async function openMethod(
  name: BaselineName,
  folder: string,
  runtime: Runtime,
): Promise<GroundingMethod> {
  return await OPENERS[name](folder, runtime);
}
