import { freeBytesOf } from "../../base/host/deno/free_bytes.ts";
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

/** Factors of the units in which sizes are stated. */
const SIZE_UNITS = [["GB", 1e9], ["MB", 1e6], ["KB", 1e3]] as const;

/** A number of bytes with its unit, such as `1.2 MB`. */
function describeSize(bytes: number): string {
  const [unit, factor] = SIZE_UNITS.find(([, factor]) => bytes >= factor) ?? ["bytes", 1];
  return `${Number((bytes / factor).toPrecision(3))} ${unit}`;
}

/**
 * Requires room for the attention that a run keeps.
 *
 * @param each Bytes of a phrase.
 * @param phrases Number of phrases to come.
 * @param freeBytes Reads the room of a folder's disk; a system that does not tell it rejects.
 * @returns The sizes in words.
 * @throws {Error} If the disk is known to have less room.
 */
export async function requireRoom(
  folder: string,
  each: number,
  phrases: number,
  freeBytes: (folder: string) => Promise<number> = freeBytesOf,
): Promise<string> {
  const total = each * phrases;
  const sizes = `${describeSize(each)} a phrase, ${describeSize(total)} for ${phrases} phrases`;
  const free = await freeBytes(folder).catch(() => undefined);
  if (free === undefined || free >= total) return sizes;
  throw new Error(
    `Cannot keep attention in "${folder}": it takes ${sizes}, but the disk has ` +
      `${describeSize(free)} free; choose another --out, run in shards, or leave out --keep`,
  );
}
