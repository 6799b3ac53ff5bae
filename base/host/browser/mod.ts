/**
 * A browser: what it is given takes the place of this machine's files. To be imported before all
 * else by every program that runs there.
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

/** Where files of libraries are: by their package's name and path below it. */
let packages = new URL("packages/", globalThis.location?.href ?? "file:///");

/** A file for {@linkcode giveFiles}. */
export interface GivenPath {
  /** Path below the folder, with `/`. */
  readonly path: string;
  /** The file, which is read in parts as it is needed. */
  readonly file: Blob;
}

/**
 * Gives files under the name of a folder, by which functions that take a path find them.
 *
 * @param folder What the folder is to be called, such as `model`.
 * @param files What is in it; it holds nothing else from now on.
 * @param onRead Told how many bytes each reading took.
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
 * Says where files of libraries are to be fetched: `imagescript/wasm/any/jpeg.wasm`,
 * `imagescript/wasm/any/png.wasm` and `dcmjs-codecs/build/dcmjs-native-codecs.wasm` below it.
 *
 * @param base An address that ends in `/`; without a call `packages/` beside the page.
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
  // Without isolation from other origins there is no memory that threads could share.
  wasmThreads: (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated
    ? navigator.hardwareConcurrency
    : 1,
  loadOrt,
});
