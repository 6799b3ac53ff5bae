/**
 * Chooses a runtime.
 *
 * @module
 */

import { InputTypeError } from "../../base/errors.ts";
import { type Gpu, NO_ADAPTER, openGpu } from "../../shaders/device.ts";
import { host } from "../../base/host/host.ts";
import { openNative, openProvider, PROVIDER_NAMES } from "./native.ts";
import type { ProviderName, Runtime } from "./runtime.ts";
import { openWasm } from "./wasm.ts";
import { openWebgpu } from "./webgpu.ts";

/** Values that `--runtime` accepts. */
export const RUNTIMES = [
  "auto",
  "native",
  "wasm",
  "webgpu",
  "webgpu-native",
  "webgpu-deno",
  "cuda",
  "coreml",
  "dml",
] as const;

/** One of {@linkcode RUNTIMES}. */
export type RuntimeChoice = typeof RUNTIMES[number];

/** Values that `--device` accepts. */
export const DEVICES = ["auto", "gpu", "cpu"] as const;

/** Device of an automatic choice: the GPU, the CPU, or the faster of the two. */
export type DeviceChoice = typeof DEVICES[number];

/**
 * Opens the runtime of a name, or with `"auto"` the fastest runtime on this machine.
 *
 * @param name Name of the runtime, or `"auto"`. `"webgpu"` is `"webgpu-native"` on a hardware GPU,
 * else `"webgpu-deno"`.
 * @param device Device of an automatic choice. `"auto"` takes the GPU if it is hardware, else
 * the CPU.
 * @throws {Error} If the named runtime does not load here, or a GPU is required and there is none.
 * @throws {TypeError} If the name or the device is unknown, or a GPU's runtime is to run on the CPU.
 *
 * @example Usage
 * ```ts
 * import { openRuntime } from "../../mod.ts";
 *
 * const runtime = await openRuntime("auto");
 * console.log(`${runtime.version}: ${runtime.reason}`);
 * ```
 */
export async function openRuntime(
  name: RuntimeChoice = "auto",
  device: DeviceChoice = "auto",
): Promise<Runtime> {
  if (!DEVICES.includes(device)) {
    throw new InputTypeError(`Cannot use device "${device}": expected auto, gpu or cpu`);
  }
  if (!RUNTIMES.includes(name)) {
    throw new InputTypeError(`Cannot open runtime "${name}": expected ${RUNTIMES.join(", ")}`);
  }
  if (device === "cpu" && needsGpu(name)) {
    throw new InputTypeError(`Cannot open runtime "${name}" on the CPU: use "native" or "wasm"`);
  }
  const reason = "asked for by name";
  switch (name) {
    case "auto":
      return await openFastest(device);
    case "native":
      return await openNativeByName(reason);
    case "wasm":
      return await openWasm(reason);
    case "webgpu":
      return await openFastestWebgpu(await requireGpu(`open runtime "webgpu"`), reason);
    case "webgpu-deno":
      return await openWebgpu(await requireGpu(`open runtime "webgpu-deno"`), reason);
    default:
      return await openProviderByName(name, reason);
  }
}

/** Whether a runtime runs on a GPU only. */
export function needsGpu(name: RuntimeChoice): boolean {
  return name.startsWith("webgpu") || (PROVIDER_NAMES as readonly string[]).includes(name);
}

/**
 * Opens the GPU for a purpose that cannot do without it.
 *
 * @param purpose The purpose as a verb phrase that completes "Cannot …".
 * @throws {Error} If there is no GPU; the message says how to get one.
 */
export async function requireGpu(purpose: string): Promise<Gpu> {
  const gpu = await openGpu();
  if (!gpu) throw new Error(`Cannot ${purpose}: ${NO_ADAPTER}`);
  return gpu;
}

async function openFastest(device: DeviceChoice): Promise<Runtime> {
  if (device === "cpu") return await openCpu("the CPU was asked for");
  const isAsked = device === "gpu";
  try {
    const gpu = isAsked ? await requireGpu("use the GPU") : await openGpu();
    if (isAsked || gpu?.adapter.isHardware) {
      return await openFastestWebgpu(
        gpu!,
        isAsked ? "the GPU was asked for" : "the GPU is hardware",
      );
    }
    gpu?.destroy();
    return await openCpu(
      gpu
        ? `the only GPU adapter, ${gpu.adapter.name}, is software, and slower than this`
        : "there is no GPU adapter",
    );
  } catch (error) {
    if (isAsked) throw error;
    return await openCpu(`the GPU does not open (${firstLine(error)})`);
  }
}

/**
 * Opens WebGPU by the native library on a hardware adapter, else on Deno's device. The native
 * library takes an eighth of the main thread's time for a pass. On a software adapter the time
 * goes elsewhere, and the shaders' own device saves the way through memory.
 *
 * @param gpu Deno's device; destroyed if the native library runs the model.
 */
async function openFastestWebgpu(gpu: Gpu, reason: string): Promise<Runtime> {
  const { name, isHardware } = gpu.adapter;
  if (!isHardware || !host().native) return await openWebgpu(gpu, reason);
  try {
    const runtime = await openProvider("webgpu-native", name, reason);
    gpu.destroy();
    return runtime;
  } catch (error) {
    const why = `${reason}, and onnxruntime-node does not run on it (${firstLine(error)})`;
    return await openWebgpu(gpu, why);
  }
}

/** Opens a provider by its name; Deno's adapter gives the name of the GPU. */
async function openProviderByName(name: ProviderName, reason: string): Promise<Runtime> {
  const gpu = await openGpu().catch(() => undefined);
  gpu?.destroy();
  try {
    return await openProvider(name, gpu?.adapter.name ?? "the GPU", reason);
  } catch (error) {
    throw new Error(`Cannot open runtime "${name}": ${firstLine(error)}`);
  }
}

async function openNativeByName(reason: string): Promise<Runtime> {
  if (!host().native) {
    throw new Error(`Cannot open runtime "native": a browser has none; use "wasm" instead`);
  }
  try {
    return await openNative(reason);
  } catch (error) {
    throw new Error(
      `Cannot open runtime "native": onnxruntime-node does not load here ` +
        `(${firstLine(error)}); use "wasm" instead`,
    );
  }
}

/** Opens the native runtime, or WebAssembly if the native library does not load. */
async function openCpu(reason: string): Promise<Runtime> {
  if (!host().native) return await openWasm(reason);
  try {
    return await openNative(reason);
  } catch (error) {
    return await openWasm(`${reason}, and onnxruntime-node does not load (${firstLine(error)})`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
