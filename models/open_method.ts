/**
 * Opens a baseline by its name.
 *
 * @module
 */

import type { GroundingMethod } from "./method.ts";
import type { Runtime } from "./runtime/runtime.ts";

/** Opens a method from the folder that its published files are in. */
export type MethodOpener = (folder: string, runtime: Runtime) => Promise<GroundingMethod>;

/** Names of the methods that have a model of their own beside the diffusion model. */
export const BASELINES = ["biovil", "biovil-t"] as const;

/** Name of a baseline. */
export type BaselineName = typeof BASELINES[number];

/** What opens each of the {@linkcode BASELINES}. */
export const OPENERS: Partial<Record<BaselineName, MethodOpener>> = {};

/**
 * Opens a baseline.
 *
 * @param name Which.
 * @param folder The folder that its published files are in.
 * @param runtime What is to run it; stays its caller's.
 * @throws {RangeError} If there is none of that name.
 */
export async function openMethod(
  name: BaselineName,
  folder: string,
  runtime: Runtime,
): Promise<GroundingMethod> {
  const open = OPENERS[name];
  if (!open) throw new RangeError(`Cannot open method "${name}": this build has none of that name`);
  return await open(folder, runtime);
}
