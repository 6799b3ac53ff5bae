import { InputTypeError } from "../../base/errors.ts";
import {
  type AdapterFacts,
  findAdapter,
  type Gpu,
  NO_ADAPTER,
  openGpu,
} from "../../shaders/device.ts";
import { host } from "../../base/host/host.ts";
import { openNative, openProvider, PROVIDER_NAMES } from "./native.ts";
import type { ProviderName, Runtime, RuntimeName } from "./runtime.ts";
import { openWasm } from "./wasm.ts";
import { openWebgpu } from "./webgpu.ts";

/** A runtime's name, or a rule to choose one by; `webgpu` is such a rule too. */
export type RuntimeChoice = RuntimeName | "auto" | "webgpu-deno";

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
] as const satisfies readonly RuntimeChoice[];

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
      return await openFastestWebgpu(`open runtime "webgpu"`, reason);
    case "webgpu-deno":
      return await openWebgpu(await requireGpu(`open runtime "webgpu-deno"`), reason);
    default:
      return await openProviderByName(name, reason);
  }
}

/** Returns true for a runtime that runs on a GPU only. */
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
  const adapter = await findAdapter();
  /** Clause about a provider that is installed and does not run. */
  let failed = "";
  // Without the provider's own file nobody set out to use CUDA.
  if (host().native?.hasCuda()) {
    try {
      const reason = isAsked ? "the GPU was asked for" : "CUDA is installed";
      return await openProvider("cuda", hardware(adapter), `${reason}, and a device answers`);
    } catch (error) {
      failed = `, and CUDA does not run (${firstLine(error)})`;
    }
  }
  if (isAsked) return await openFastestWebgpu("use the GPU", `the GPU was asked for${failed}`);
  try {
    if (adapter?.isHardware) {
      return await openFastestWebgpu("use the GPU", `the GPU is hardware${failed}`);
    }
    const reason = adapter
      ? `the only GPU adapter, ${adapter.name}, is software, and slower than this`
      : "there is no GPU adapter";
    return await openCpu(reason + failed);
  } catch (error) {
    return await openCpu(`the GPU does not open (${firstLine(error)})`);
  }
}

/**
 * Opens WebGPU by the native library on a hardware adapter, else on Deno's device. The native
 * library needs an eighth of the main thread's time for a pass. On a software adapter the
 * processor computes anyway, and Deno's device saves the way through memory.
 *
 * @param purpose The purpose as a verb phrase that completes "Cannot …".
 * @param reason Why WebGPU was chosen, as a clause.
 */
async function openFastestWebgpu(purpose: string, reason: string): Promise<Runtime> {
  const adapter = hardware(await findAdapter());
  let failed = "";
  if (adapter && host().native) {
    try {
      return await openProvider("webgpu-native", adapter, reason);
    } catch (error) {
      failed = `, and onnxruntime-node does not run on it (${firstLine(error)})`;
    }
  }
  return await openWebgpu(await requireGpu(purpose), reason + failed);
}

function hardware(adapter: AdapterFacts | undefined): AdapterFacts | undefined {
  return adapter?.isHardware ? adapter : undefined;
}

/** Opens a provider by its name; Deno's adapter gives the facts of the GPU. */
async function openProviderByName(name: ProviderName, reason: string): Promise<Runtime> {
  const adapter = await findAdapter();
  // WebGPU may run on a software adapter too; the other providers never do.
  const facts = name === "webgpu-native" ? adapter : hardware(adapter);
  try {
    return await openProvider(name, facts, reason);
  } catch (error) {
    let reason = firstLine(error);
    if (name === "webgpu-native" && host().native) {
      // The library says only that it supports no adapter.
      reason = adapter ? `${reason}; use "webgpu-deno" instead` : NO_ADAPTER;
    }
    throw new Error(`Cannot open runtime "${name}": ${reason}`);
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
