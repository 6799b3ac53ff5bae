/**
 * What a benchmark runs on and writes to.
 *
 * @module
 */

import { cpus } from "node:os";

/** Folder of the results that are kept. */
export const RESULTS: string = decodeURIComponent(new URL("results", import.meta.url).pathname);

/** Where the native runtime's library is. */
export const MODULES: string = decodeURIComponent(
  new URL("../node_modules", import.meta.url).pathname,
);

/** The machine's processors. */
export function describeMachine(): { cpu: string; cpus: number } {
  const all = cpus();
  return { cpu: all[0]?.model ?? "unknown CPU", cpus: all.length };
}
