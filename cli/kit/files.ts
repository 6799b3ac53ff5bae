/**
 * Files and folders that commands write.
 *
 * @module
 */

import { makeFolder } from "../../base/write_whole.ts";
import { UsageError } from "./flags.ts";

/** Two paths name the same folder if they differ in slashes at the end alone. */
export function isSameFolder(a: string, b: string): boolean {
  return a.replace(/\/+$/, "") === b.replace(/\/+$/, "");
}

/** Refuses one folder for both results and noisy latents. */
export function requireApart(
  out: string | undefined,
  caches: readonly (string | undefined)[],
): void {
  const cache = caches.find((path) => path !== undefined && out && isSameFolder(out, path));
  if (cache === undefined) return;
  throw new UsageError(`Option "--cache" must be another folder than "--out", got "${cache}"`);
}

/** Folder in which a run without `--out` creates its own folder. */
export const OUT = "out";

/** Creates a folder that no other run uses, such as `out/eval-20260131-120000`. */
export async function makeOwnFolder(command: string): Promise<string> {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  await makeFolder(OUT);
  for (let number = 1;; number++) {
    const path = `${OUT}/${command}-${stamp}${number > 1 ? `-${number}` : ""}`;
    try {
      await Deno.mkdir(path);
      return path;
    } catch (error) {
      // Another run began in the same second.
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}
