/**
 * The host for Deno. Every program on Deno must import this module before it reads a file.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type * as Ort from "onnxruntime-node";
import { useHost } from "../host.ts";
import { denoFiles } from "./files.ts";
import { hasCuda, missingForCuda } from "./cuda_files.ts";
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
  // With more threads, the library sometimes waits for ever for threads that did not start. This
  // happened five times in some thousand runs on a busy machine, in workers and outside.
  wasmThreads: 1,
  loadOrt,
  native: {
    load: async () => {
      // Since 1.29 the library reports models and machine to its maker, past Deno's permissions.
      // It reads this variable at its start: https://github.com/microsoft/onnxruntime/pull/27379
      Deno.env.set("ORT_DISABLE_TELEMETRY", "1");
      // The package is CommonJS, so its exports are under `default`.
      return (await import("onnxruntime-node") as unknown as { default: typeof Ort }).default;
    },
    realPath: Deno.realPathSync,
    hasCuda,
    missingForCuda: () => missingForCuda(),
  },
});
