/**
 * Chooses a runtime.
 *
 * @module
 */

import { type Gpu, NO_ADAPTER, openGpu } from "../../shaders/device.ts";
import { host } from "../../base/host/host.ts";
import { openNative } from "./native.ts";
import type { Runtime, RuntimeName } from "./runtime.ts";
import { openWasm } from "./wasm.ts";
import { openWebgpu } from "./webgpu.ts";

/** What `--runtime` accepts. */
export const RUNTIMES = ["auto", "native", "wasm", "webgpu"] as const;

/** What `--device` accepts. */
export const DEVICES = ["auto", "gpu", "cpu"] as const;

/**
 * Opens a runtime: the one that was asked for, or with `"auto"` the fastest
 * that this machine has.
 *
 * @param name Which one.
 * @param device Where an automatic choice falls: on the GPU, on the CPU, or with
 * `"auto"` on the GPU where it is hardware.
 * @throws {Error} If the one that was asked for does not load here, or there is no GPU.
 * @throws {TypeError} If there is none of that name, or name and device disagree.
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
  device: typeof DEVICES[number] = "auto",
): Promise<Runtime> {
  if (!DEVICES.includes(device)) {
    throw new TypeError(`Cannot use device "${device}": expected auto, gpu or cpu`);
  }
  switch (name) {
    case "native":
      return await openNativeByName();

    case "wasm":
      return await openWasm("asked for by name");
    case "webgpu":
      if (device === "cpu") {
        throw new TypeError(`Cannot open runtime "webgpu" on the CPU: use "native" or "wasm"`);
      }
      return await openWebgpu(await requireGpu(`open runtime "webgpu"`), "asked for by name");
    case "auto":
      return await openFastest(device);
    default:
      throw new TypeError(`Cannot open runtime "${name}": expected ${RUNTIMES.join(", ")}`);
  }
}

/**
 * Opens the GPU that someone asked for.
 *
 * @param purpose What for, to complete "Cannot …".
 * @throws {Error} If there is none, with how to get one.
 */
export async function requireGpu(purpose: string): Promise<Gpu> {
  const gpu = await openGpu();
  if (!gpu) throw new Error(`Cannot ${purpose}: ${NO_ADAPTER}`);
  return gpu;
}

async function openFastest(device: typeof DEVICES[number]): Promise<Runtime> {
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

/** The fastest runtime for the CPU. */
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
