/**
 * Chooses a runtime.
 *
 * @module
 */

import { InputTypeError } from "../../base/errors.ts";
import { type Gpu, NO_ADAPTER, openGpu } from "../../shaders/device.ts";
import { host } from "../../base/host/host.ts";
import { openNative } from "./native.ts";
import type { Runtime, RuntimeName } from "./runtime.ts";
import { openWasm } from "./wasm.ts";
import { openWebgpu } from "./webgpu.ts";

/** Values that `--runtime` accepts. */
export const RUNTIMES = ["auto", "native", "wasm", "webgpu"] as const;

/** Values that `--device` accepts. */
export const DEVICES = ["auto", "gpu", "cpu"] as const;

/** Device of an automatic choice: the GPU, the CPU, or the faster of the two. */
export type DeviceChoice = typeof DEVICES[number];

/**
 * Opens the runtime of a name, or with `"auto"` the fastest runtime on this machine.
 *
 * @param name Name of the runtime, or `"auto"`.
 * @param device Device of an automatic choice. `"auto"` takes the GPU if it is hardware, else
 * the CPU.
 * @throws {Error} If the named runtime does not load here, or a GPU is required and there is none.
 * @throws {TypeError} If the name or the device is unknown, or `"webgpu"` is to run on the CPU.
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
  name: RuntimeName | "auto" = "auto",
  device: DeviceChoice = "auto",
): Promise<Runtime> {
  if (!DEVICES.includes(device)) {
    throw new InputTypeError(`Cannot use device "${device}": expected auto, gpu or cpu`);
  }
  switch (name) {
    case "native":
      return await openNativeByName();

    case "wasm":
      return await openWasm("asked for by name");
    case "webgpu":
      if (device === "cpu") {
        throw new InputTypeError(`Cannot open runtime "webgpu" on the CPU: use "native" or "wasm"`);
      }
      return await openWebgpu(await requireGpu(`open runtime "webgpu"`), "asked for by name");
    case "auto":
      return await openFastest(device);
    default:
      throw new InputTypeError(`Cannot open runtime "${name}": expected ${RUNTIMES.join(", ")}`);
  }
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
  if (device === "gpu") {
    return await openWebgpu(await requireGpu("use the GPU"), "the GPU was asked for");
  }
  if (device === "cpu") return await openCpu("the CPU was asked for");
  try {
    const gpu = await openGpu();
    if (gpu?.adapter.isHardware) return await openWebgpu(gpu, "the GPU is hardware");
    gpu?.destroy();
    return await openCpu(
      gpu
        ? `the only GPU adapter, ${gpu.adapter.name}, is software, and slower than this`
        : "there is no GPU adapter",
    );
  } catch (error) {
    return await openCpu(`the GPU does not open (${firstLine(error)})`);
  }
}

async function openNativeByName(): Promise<Runtime> {
  const { native } = host();
  if (!native) {
    throw new Error(`Cannot open runtime "native": a browser has none; use "wasm" instead`);
  }
  try {
    return await openNative(native, "asked for by name");
  } catch (error) {
    throw new Error(
      `Cannot open runtime "native": onnxruntime-node does not load here ` +
        `(${firstLine(error)}); use "wasm" instead`,
    );
  }
}

/** Opens the native runtime, or WebAssembly if the native library does not load. */
async function openCpu(reason: string): Promise<Runtime> {
  const { native } = host();
  if (!native) return await openWasm(reason);
  try {
    return await openNative(native, reason);
  } catch (error) {
    return await openWasm(`${reason}, and onnxruntime-node does not load (${firstLine(error)})`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
