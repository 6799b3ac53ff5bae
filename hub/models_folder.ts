/**
 * The folder with the fetched models.
 *
 * @module
 */

import { resolve } from "../base/paths.ts";

/** Environment variables that name the folder, or a folder above it. */
export type FolderVariable = "GROUNDRAY_MODELS" | "XDG_CACHE_HOME" | "HOME" | "LOCALAPPDATA";

/**
 * Folder of the fetched models: `GROUNDRAY_MODELS`, or a folder in the user's cache by the
 * platform's convention.
 *
 * @param variable Returns the value of an environment variable.
 * @param os Operating system.
 * @throws {Error} If no variable says where the cache is.
 */
export function modelsFolder(
  variable: (name: FolderVariable) => string | undefined,
  os: typeof Deno.build.os = Deno.build.os,
): string {
  const own = variable("GROUNDRAY_MODELS");
  if (own) return own;
  const cache = cacheFolder(variable, os);
  if (cache) return resolve(cache, "groundray/models");
  throw new Error(
    "Cannot tell where models are kept: no environment variable names the user's folder; " +
      "set GROUNDRAY_MODELS",
  );
}

function cacheFolder(
  variable: (name: FolderVariable) => string | undefined,
  os: typeof Deno.build.os,
): string | undefined {
  if (os === "windows") return variable("LOCALAPPDATA")?.replaceAll("\\", "/");
  const home = variable("HOME");
  if (os === "darwin") return home && `${home}/Library/Caches`;
  const cache = variable("XDG_CACHE_HOME");
  // The XDG specification says to ignore a relative path.
  return cache?.startsWith("/") ? cache : home && `${home}/.cache`;
}
