/**
 * Lists the files that the server may send for the page.
 *
 * @module
 */

import { DEMO_FILES } from "../demo_files.ts";
import type { AssetList, AssetSource } from "./assets.ts";

const page = (name: string) => new URL(`../page/${name}`, import.meta.url);

/** Address of a package's file, by the package's name and an exported path. */
const packaged = (name: string) => new URL(import.meta.resolve(name));

/** Sources of the page's own files, by the path of the request's address. */
export const PAGE_FILES: AssetList = new Map([
  ["/", { file: page("index.html") }],
  ["/style.css", { file: page("style.css") }],
  ["/main.js", { file: page("main.ts"), isScript: true }],
]);

/** Builds of `onnxruntime-web` that a worker may load, with the name of each build's binary. */
const RUNTIME_BUILDS = {
  wasm: "ort-wasm-simd-threaded",
  jspi: "ort-wasm-simd-threaded.jspi",
  webgpu: "ort-wasm-simd-threaded.asyncify",
} as const;

/** Folders of the files that the worker loads, below the worker's own. */
export const FOLDERS = { ort: "ort/", packages: "packages/", demo: "models/demo/" } as const;

/**
 * Sources of the further files that the page needs to run the model itself.
 *
 * @param folders Folders of these files, relative to the worker's script.
 */
export function modelFiles(
  folders: Readonly<Record<keyof typeof FOLDERS, string>> = FOLDERS,
): AssetList {
  const files = new Map<string, AssetSource>();
  const external: Record<string, string> = {};
  const dist = new URL(".", packaged("onnxruntime-web/wasm"));
  for (const [build, binary] of Object.entries(RUNTIME_BUILDS)) {
    // Many hosts do not know that a file ending in .mjs is a script.
    const script = `${folders.ort}ort.${build}.js`;
    external[`onnxruntime-web/${build}`] = `./${script}`;
    files.set(`/${script}`, { file: new URL(`ort.${build}.bundle.min.mjs`, dist) });
    files.set(`/${folders.ort}${binary}.wasm`, { file: new URL(`${binary}.wasm`, dist) });
  }
  files.set("/worker.js", {
    file: new URL("../worker.ts", import.meta.url),
    isScript: true,
    external,
    define: { FOLDERS: JSON.stringify(folders) },
  });
  for (const name of LIBRARY_FILES) {
    files.set(`/${folders.packages}${name}`, { file: packaged(name) });
  }
  const demo = new URL("../../models/demo/", import.meta.url);
  for (const path of DEMO_FILES) {
    files.set(`/${folders.demo}${path}`, { file: new URL(path, demo) });
  }
  return files;
}

/** Files that the worker reads through {@linkcode Host.readPackageFile}. */
const LIBRARY_FILES = [
  "imagescript/wasm/any/jpeg.wasm",
  "imagescript/wasm/any/png.wasm",
  "dcmjs-codecs/build/dcmjs-native-codecs.wasm",
];

/** Paths of the modules and files that the page is made of, for the confinement of a command. */
export const PAGE_SOURCES: readonly URL[] = [
  "web",
  "reports",
  "runs",
  "methods",
  "hub",
  "pipeline",
  "models",
  "datasets",
  "scoring",
  "images",
  "shaders",
  "base",
  "deno.json",
].map((name) => new URL(`../../${name}`, import.meta.url));
