import { resolve } from "../base/paths.ts";

/** Environment variables that name the folder, or a folder above it. */
export type FolderVariable =
  | "GROUNDRAY_MODELS"
  | "GROUNDRAY_DATA"
  | "XDG_CACHE_HOME"
  | "HOME"
  | "LOCALAPPDATA";

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
  return folderIn("models", "GROUNDRAY_MODELS", variable, os);
}

/**
 * Folder of the fetched datasets: `GROUNDRAY_DATA`, or a folder in the user's cache by the platform's
 * convention.
 *
 * @param variable Returns the value of an environment variable.
 * @param os Operating system.
 * @throws {Error} If no variable says where the cache is.
 */
export function dataFolder(
  variable: (name: FolderVariable) => string | undefined,
  os: typeof Deno.build.os = Deno.build.os,
): string {
  return folderIn("data", "GROUNDRAY_DATA", variable, os);
}

function folderIn(
  name: "models" | "data",
  named: FolderVariable,
  variable: (name: FolderVariable) => string | undefined,
  os: typeof Deno.build.os,
): string {
  const own = variable(named);
  if (own) return own;
  const cache = cacheFolder(variable, os);
  if (cache) return resolve(cache, `groundray/${name}`);
  throw new Error(
    `Cannot tell where ${name} are kept: no environment variable names the user's folder; ` +
      `set ${named}`,
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
