import { resolve } from "../base/paths.ts";

/** Environment variables that name the folder of the fetched models or datasets. */
const VARIABLES = { models: "GROUNDRAY_MODELS", data: "GROUNDRAY_DATA" } as const;

/** Environment variables that name the folder, or a folder above it. */
export type FolderVariable =
  | typeof VARIABLES[keyof typeof VARIABLES]
  | "XDG_CACHE_HOME"
  | "HOME"
  | "LOCALAPPDATA";

/**
 * Folder of the fetched models, or of the fetched datasets: the folder in `GROUNDRAY_MODELS` or
 * `GROUNDRAY_DATA`, or else a folder in the user's cache by the platform's convention.
 *
 * @param kind Models, or the data of datasets.
 * @param variable Returns the value of an environment variable.
 * @throws {Error} If no variable says where the cache is.
 */
export function fetchedFolder(
  kind: keyof typeof VARIABLES,
  variable: (name: FolderVariable) => string | undefined,
  os: typeof Deno.build.os = Deno.build.os,
): string {
  const own = variable(VARIABLES[kind]);
  if (own) return own;
  const cache = cacheFolder(variable, os);
  if (cache) return resolve(cache, `groundray/${kind}`);
  throw new Error(
    `Cannot tell where ${kind} are kept: no environment variable names the user's folder; ` +
      `set ${VARIABLES[kind]}`,
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
