/**
 * The benchmarks' machine and folders.
 *
 * @module
 */

import { cpus } from "node:os";

/** Folder of the results that the repository keeps. */
export const RESULTS: string = decodeURIComponent(new URL("results", import.meta.url).pathname);

/** Folder that holds the native runtime's library. */
export const MODULES: string = decodeURIComponent(
  new URL("../node_modules", import.meta.url).pathname,
);

/** Returns the model and the number of the machine's processors. */
export function describeMachine(): { cpu: string; cpus: number } {
  const all = cpus();
  return { cpu: all[0]?.model ?? "unknown CPU", cpus: all.length };
}
