/**
 * The host for browsers: files that the page is given take the place of the machine's files. Every
 * program in a browser must import this module first.
 *
 * @module
 */

import "./_dispose.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { useHost } from "../host.ts";
import { fetchBytes } from "./fetch_bytes.ts";
import { GivenFiles, NotFound, PermissionDenied } from "./files.ts";
import { loadOrt } from "./ort.ts";

const given = new GivenFiles();

/** Base address of library files; a file's address adds the package name and path. */
let packages = new URL("packages/", globalThis.location?.href ?? "file:///");

/** A file for {@linkcode giveFiles}. */
export interface GivenPath {
  /** Path below the folder, with `/` between names. */
  readonly path: string;
  /** The file, which is read in parts on demand. */
  readonly file: Blob;
}

/**
 * Makes files available under a folder name. Functions that take a path then find them there.
 *
 * @param folder Name of the folder, such as `model`.
 * @param files Content of the folder, which replaces its earlier content.
 * @param onRead Called after each read with the number of bytes read.
 *
 * @example A model that the user picked by `<input type="file" webkitdirectory>`
 * ```ts ignore
 * import { giveFiles, loadBundle } from "groundray/browser";
 *
 * const files = [...input.files].map((file) => ({ path: file.webkitRelativePath, file }));
 * giveFiles("picked", files);
 * const bundle = await loadBundle("picked/cxr");
 * ```
 */
export function giveFiles(
  folder: string,
  files: Iterable<GivenPath>,
  onRead?: (bytes: number) => void,
): void {
  given.forget(folder);
  for (const { path, file } of files) given.add(`${folder}/${path}`, file, onRead);
}

/**
 * Sets the base address of library files. The page fetches `imagescript/wasm/any/jpeg.wasm`,
 * `imagescript/wasm/any/png.wasm` and `dcmjs-codecs/build/dcmjs-native-codecs.wasm` below it.
 *
 * @param base Address that ends in `/`. Default: `packages/` beside the page.
 */
export function usePackages(base: URL): void {
  packages = base;
}

useHost({
  files: given,
  NotFound,
  PermissionDenied,
  createHash() {
    const hash = sha256.create();
    return {
      update: (bytes) => void hash.update(bytes as Uint8Array),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  readPackageFile: (name) => fetchBytes(new URL(name, packages)),
  // Threads need shared memory, which browsers give only to pages isolated from other origins.
  wasmThreads: (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated
    ? navigator.hardwareConcurrency
    : 1,
  loadOrt,
});
