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

/** Sources of the further files that the page needs to run the model itself. */
export function modelFiles(): AssetList {
  const files = new Map<string, AssetSource>();
  const external: Record<string, string> = {};
  const dist = new URL(".", packaged("onnxruntime-web/wasm"));
  for (const [build, binary] of Object.entries(RUNTIME_BUILDS)) {
    external[`onnxruntime-web/${build}`] = `/ort/ort.${build}.min.mjs`;
    for (const name of [`ort.${build}.min.mjs`, `${binary}.mjs`, `${binary}.wasm`]) {
      files.set(`/ort/${name}`, { file: new URL(name, dist) });
    }
  }
  const worker = new URL("../worker.ts", import.meta.url);
  files.set("/worker.js", { file: worker, isScript: true, external });
  for (const name of LIBRARY_FILES) files.set(`/packages/${name}`, { file: packaged(name) });
  const demo = new URL("../../models/demo/", import.meta.url);
  for (const path of DEMO_FILES) files.set(`/models/demo/${path}`, { file: new URL(path, demo) });
  return files;
}

/** Files that the worker reads through {@linkcode Host.readPackageFile}. */
const LIBRARY_FILES = [
  "imagescript/wasm/any/jpeg.wasm",
  "imagescript/wasm/any/png.wasm",
  "dcmjs-codecs/build/dcmjs-native-codecs.wasm",
];
