/**
 * Deno: to be imported by every program that runs on it, before it reads a file.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type * as Ort from "onnxruntime-node";
import { useHost } from "../host.ts";
import { denoFiles } from "./files.ts";
import { loadOrt } from "./ort.ts";

useHost({
  files: denoFiles,
  NotFound: Deno.errors.NotFound,
  PermissionDenied: Deno.errors.PermissionDenied,
  createHash() {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  readPackageFile: (name) => Deno.readFile(new URL(import.meta.resolve(name))),
  // The library's own threads are now and then not there when it waits for them, and it waits for
  // ever (seen five times in some thousand runs on a busy machine, in workers and outside).
  wasmThreads: 1,
  loadOrt,
  native: {
    // A CommonJS package: its exports stand under `default`.
    load: async () =>
      (await import("onnxruntime-node") as unknown as { default: typeof Ort }).default,
    realPath: Deno.realPathSync,
  },
});
