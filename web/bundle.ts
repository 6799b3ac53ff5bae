/**
 * TypeScript for Deno to one script for a browser.
 *
 * @module
 */

import { createRequire } from "node:module";
import * as esbuild from "esbuild-wasm/esm/browser.js";

/** How a file is read into a script; a module of JavaScript where it is not named. */
const LOADERS: Readonly<Record<string, esbuild.Loader>> = {
  ".ts": "ts",
  ".wgsl": "text",
  ".css": "text",
  ".json": "json",
  ".wasm": "binary",
};

/** The compiler, which is started once. */
let started: Promise<void> | undefined;

async function start(): Promise<void> {
  const wasm = await Deno.readFile(new URL(import.meta.resolve("esbuild-wasm/esbuild.wasm")));
  await esbuild.initialize({ wasmModule: new WebAssembly.Module(wasm), worker: false });
}

/** How a module is bundled. */
export interface BundleOptions {
  /** Modules to take instead of others, by their specifier. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** Modules that are left out, with the address that the script is to import each from. */
  readonly external?: Readonly<Record<string, string>>;
}

/**
 * Bundles a module with all that it imports, as the import map and `node_modules` have it.
 *
 * @param entry Address of the module.
 * @param options What is taken from elsewhere.
 * @returns The script, a module itself.
 * @throws {Error} If a module cannot be found or compiled, such as one of Node's own.
 */
export async function bundleScript(
  entry: URL,
  options: BundleOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  await (started ??= start());
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry.href],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2024",
    legalComments: "none",
    logLevel: "silent",
    plugins: [{ name: "files", setup: (build) => readFiles(build, options) }],
  });
  return outputFiles[0]!.contents as Uint8Array<ArrayBuffer>;
}

/** Has the compiler, which has no files in a sandbox, find and read them as Deno does. */
function readFiles(
  build: esbuild.PluginBuild,
  { replaced = {}, external = {} }: BundleOptions,
): void {
  build.onResolve({ filter: /.*/ }, async ({ path, importer }) => {
    if (external[path]) return { path: external[path], external: true };
    if (await isForNode(path, importer)) return { path, namespace: "nothing" };
    return { path: resolve(replaced[path] ?? path, importer), namespace: "url" };
  });
  build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "" }));
  build.onLoad({ filter: /.*/, namespace: "url" }, async ({ path }) => {
    const contents = await Deno.readFile(new URL(path));
    const suffix = /\.[^.]+$/.exec(path)?.[0] ?? "";
    return { contents, loader: LOADERS[suffix] ?? "js" };
  });
}

function resolve(path: string, importer: string): string {
  if (path.startsWith("file:")) return path;
  if (/^\.{0,2}\//.test(path)) return new URL(path, importer).href;
  // What a package imports is its own affair, and not in the import map.
  return importer.includes("/node_modules/")
    ? new URL(createRequire(importer).resolve(path), "file:").href
    : import.meta.resolve(path);
}

/**
 * Whether the package of the module that imports another says that browsers have nothing in its
 * place: `"browser": { "zlib": false }` in its `package.json`.
 */
async function isForNode(path: string, importer: string): Promise<boolean> {
  const folder = /^.*\/node_modules\/(@[^/]+\/)?[^/]+\//.exec(importer)?.[0];
  if (!folder) return false;
  let manifest = manifests.get(folder);
  if (!manifest) {
    manifest = Deno.readTextFile(new URL("package.json", folder)).then(JSON.parse);
    manifests.set(folder, manifest);
  }
  return (await manifest).browser?.[path] === false;
}

/** What packages say of themselves, by their folders; it is asked for at each of their imports. */
const manifests = new Map<string, Promise<{ browser?: Record<string, unknown> }>>();
