/**
 * Bundles TypeScript modules for Deno into one script for a browser.
 *
 * @module
 */

import { createRequire } from "node:module";
import * as esbuild from "esbuild-wasm/esm/browser.js";

/** esbuild loader of each file suffix; files with other suffixes are JavaScript modules. */
const LOADERS: Readonly<Record<string, esbuild.Loader>> = {
  ".ts": "ts",
  ".wgsl": "text",
  ".css": "text",
  ".json": "json",
  ".wasm": "binary",
};

/** Start of the compiler; esbuild may be initialised only once. */
let started: Promise<void> | undefined;

async function start(): Promise<void> {
  const wasm = await Deno.readFile(new URL(import.meta.resolve("esbuild-wasm/esbuild.wasm")));
  await esbuild.initialize({ wasmModule: new WebAssembly.Module(wasm), worker: false });
}

/** Options of {@linkcode bundleScript}. */
export interface BundleOptions {
  /** Specifiers of replacement modules, by the specifiers that they replace. */
  readonly replaced?: Readonly<Record<string, string>>;
  /** Addresses from which the script imports modules at run time, by specifier; not bundled. */
  readonly external?: Readonly<Record<string, string>>;
  /** Values of the script's undeclared names, in JSON. */
  readonly define?: Readonly<Record<string, string>>;
  /** Called with the address of each file that goes into the script. */
  readonly onFile?: (file: string) => void;
}

/**
 * Bundles a module with all its imports, resolved by the import map and `node_modules`.
 *
 * @param entry Address of the module.
 * @param options Modules to replace or to leave out.
 * @returns The script, an ES module.
 * @throws {Error} If a module cannot be found or compiled, such as a built-in module of Node.
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
    define: { ...options.define },
    logLevel: "silent",
    plugins: [{ name: "files", setup: (build) => readFiles(build, options) }],
  });
  return outputFiles[0]!.contents as Uint8Array<ArrayBuffer>;
}

/** Resolves and reads files by Deno for the compiler, which runs in WebAssembly without files. */
function readFiles(
  build: esbuild.PluginBuild,
  { replaced = {}, external = {}, onFile }: BundleOptions,
): void {
  build.onResolve({ filter: /.*/ }, async ({ path, importer }) => {
    if (external[path]) return { path: external[path], external: true };
    if (await isForNode(path, importer)) return { path, namespace: "nothing" };
    return { path: resolve(replaced[path] ?? path, importer), namespace: "url" };
  });
  build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "" }));
  build.onLoad({ filter: /.*/, namespace: "url" }, async ({ path }) => {
    onFile?.(path);
    const contents = await Deno.readFile(new URL(path));
    const suffix = /\.[^.]+$/.exec(path)?.[0] ?? "";
    return { contents, loader: LOADERS[suffix] ?? "js" };
  });
}

function resolve(path: string, importer: string): string {
  if (path.startsWith("file:")) return path;
  if (/^\.{0,2}\//.test(path)) return new URL(path, importer).href;
  // The import map does not list the imports of a package: resolve them in its `node_modules`.
  return importer.includes("/node_modules/")
    ? new URL(createRequire(importer).resolve(path), "file:").href
    : import.meta.resolve(path);
}

/** Folder of the package that a file belongs to; `undefined` for a file of this project. */
export function packageOf(file: string): string | undefined {
  return /^.*\/node_modules\/(@[^/]+\/)?[^/]+\//.exec(file)?.[0];
}

/**
 * Whether the importer's package replaces an import by an empty module in browsers, such as
 * `"browser": { "zlib": false }` in its `package.json`.
 */
async function isForNode(path: string, importer: string): Promise<boolean> {
  const folder = packageOf(importer);
  if (!folder) return false;
  let manifest = manifests.get(folder);
  if (!manifest) {
    manifest = Deno.readTextFile(new URL("package.json", folder)).then(JSON.parse);
    manifests.set(folder, manifest);
  }
  return (await manifest).browser?.[path] === false;
}

/** `package.json` of each package, by folder; kept because every import of a package needs it. */
const manifests = new Map<string, Promise<{ browser?: Record<string, unknown> }>>();
