/**
 * Script of the page's worker: an engine that runs the model in the browser.
 *
 * @module
 */

import { giveFiles, type GivenPath, usePackages } from "../base/host/browser/mod.ts";
import { fetchBytes } from "../base/host/browser/fetch_bytes.ts";
import { host } from "../base/host/host.ts";
import { loadBiovil } from "../models/biovil/bundle.ts";
import { type Bundle, loadBundle } from "../models/ldm/bundle.ts";
import type { Runtime } from "../models/runtime/runtime.ts";
import { openWasm } from "../models/runtime/wasm.ts";
import { openWebgpu } from "../models/runtime/webgpu.ts";
import { decodeImage } from "../pipeline/decode.ts";
import { openGpu } from "../shaders/device.ts";
import { DEMO_FILES } from "./demo_files.ts";
import { type BaselineFiles, createEngine } from "./engine.ts";
import { findModel } from "./picked_model.ts";
import {
  type EngineDevice,
  PICKED_PARTS,
  type PickedModel,
  type Request,
} from "./engine_messages.ts";

/** The worker's global scope, which the types of a page lack. */
const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: Request }) => void;
  postMessage(message: unknown): void;
};

/**
 * Addresses of the libraries' files and of the bundled model, beside this script. The bundler sets
 * them: `deno task site` gives the folders names with hashes.
 */
declare const FOLDERS: { readonly packages: string; readonly demo: string };

usePackages(new URL(FOLDERS.packages, location.href));

/** Minimum bytes read between two reports of progress. */
const REPORT_BYTES = 2 ** 22;

async function openBundle(
  model: "demo" | PickedModel,
  onBytes: (bytes: number) => void,
): Promise<Bundle | BaselineFiles> {
  let [read, reported] = [0, 0];
  const onRead = (bytes: number) => {
    read += bytes;
    if (read - reported < REPORT_BYTES) return;
    reported = read;
    onBytes(read);
  };
  if (model === "demo") {
    giveFiles("demo", await Promise.all(DEMO_FILES.map(fetchDemoFile)), onRead);
    return await loadBundle("demo");
  }
  givePicked(model, onRead);
  try {
    const { path, baseline, ...parts } = findModel(model);
    // The engine loads a baseline's files itself; a fault in them must not close the open model.
    const found = baseline
      ? await loadBiovil(path, baseline).then(() => ({ method: baseline, path }))
      : await loadBundle(path, parts);
    picked = model;
    return found;
  } catch (error) {
    // The model that is still open needs its own files again.
    if (picked) givePicked(picked);
    throw error;
  }
}

/** The last picked model that loaded without error. */
let picked: PickedModel | undefined;

function givePicked(model: PickedModel, onRead?: (bytes: number) => void): void {
  giveFiles("model", model.files, onRead);
  giveFiles("text encoder", model.textEncoder ?? [], onRead);
  for (const part of PICKED_PARTS) giveFiles(part, model.parts?.[part] ?? [], onRead);
}

async function fetchDemoFile(path: string): Promise<GivenPath> {
  return {
    path,
    file: new Blob([await fetchBytes(new URL(FOLDERS.demo + path, location.href))]),
  };
}

/**
 * Opens the runtime of a device. `auto` takes the GPU only if that is hardware: a pass of the
 * bundled U-Net takes 3 s on Chromium's software adapter, 0.04 s by WebAssembly.
 *
 * @throws {Error} If `webgpu` was chosen and WebGPU does not open.
 */
async function openRuntime(device: EngineDevice): Promise<Runtime> {
  if (device === "wasm") return await openProcessor("chosen");
  let reason = "this browser has no WebGPU adapter";
  try {
    const gpu = await openGpu();
    if (gpu && device === "webgpu") return await openWebgpu(gpu, "chosen");
    if (gpu?.adapter.isHardware) return await openWebgpu(gpu, "this browser has WebGPU");
    gpu?.destroy();
    if (gpu) reason = `the only WebGPU adapter, ${gpu.adapter.name}, is software, and slower`;
  } catch (error) {
    reason = `WebGPU does not open (${(error as Error).message})`;
  }
  if (device === "webgpu") throw new Error(`Cannot run on WebGPU: ${reason}`);
  return await openProcessor(reason);
}

async function openProcessor(reason: string): Promise<Runtime> {
  const threads = host().wasmThreads;
  const count = `${threads} ${threads === 1 ? "thread" : "threads"}`;
  const why = crossOriginIsolated
    ? ""
    : ", since the browser does not isolate this page from other sites";
  return await openWasm(`${reason}; WebAssembly with ${count} runs the model${why}`);
}

const engine = createEngine({
  openBundle,
  openRuntime,
  openFallback: openProcessor,
  decode: decodeImage,
  onLost: () => scope.postMessage("lost"),
});
engine.onReply = (reply) => scope.postMessage(reply);
scope.onmessage = ({ data }) => engine.ask(data);
