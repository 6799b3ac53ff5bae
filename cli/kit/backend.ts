import manifest from "../../deno.json" with { type: "json" };
import type { Backend } from "../../methods/method_row.ts";
import {
  DEVICES,
  needsGpu,
  openRuntime,
  requireGpu,
  RUNTIMES,
} from "../../models/runtime/open_runtime.ts";
import type { Runtime } from "../../models/runtime/runtime.ts";
import type { Gpu } from "../../shaders/device.ts";
import { quietenDriver } from "./driver.ts";
import { type Flags, type FlagValues, UsageError } from "./flags.ts";
import type { Progress } from "./progress.ts";

/** Options that choose where a model runs. */
export const BACKEND_FLAGS = {
  runtime: {
    type: "string",
    choices: RUNTIMES,
    default: "auto",
    placeholder: "NAME",
    description:
      "Runtime of the model. webgpu is webgpu-native on a hardware GPU, else webgpu-deno.",
  },
  device: {
    type: "string",
    choices: DEVICES,
    default: "auto",
    placeholder: "WHERE",
    description: "Device for model and heatmaps. auto takes the GPU if it is hardware.",
  },
} as const satisfies Flags;

type BackendValues = FlagValues<typeof BACKEND_FLAGS>;

/** Refuses a runtime that needs the GPU together with the CPU as device. */
export function requireBackend({ runtime, device }: BackendValues): void {
  if (needsGpu(runtime) && device === "cpu") {
    throw new UsageError(`Option "--runtime ${runtime}" needs the GPU, but "--device" says cpu`);
  }
}

/** Opens the runtime and the device that the options choose; reports both and the reason. */
export async function openBackend(
  { runtime: name, device }: BackendValues,
  progress: Progress,
): Promise<Backend> {
  quietenDriver();
  const runtime = await openRuntime(name, device);
  const isMixed = device === "gpu" && runtime.adapter === undefined;
  const gpu = runtime.gpu ?? (isMixed ? await requireGpu("use the GPU") : undefined);
  progress.say(`Running on ${describeBackend(runtime, gpu)}: ${runtime.reason}.`);
  return { runtime, ...(gpu && { gpu }) };
}

/** Describes the adapter and the runtime in words. */
function describeBackend(runtime: Runtime, gpu: Gpu | undefined): string {
  const where = runtime.adapter ?? "the CPU";
  const heatmaps = gpu && !runtime.gpu ? `, heatmaps on ${gpu.adapter.name}` : "";
  return `${where} with ${runtime.version} (${runtime.name})${heatmaps}`;
}

/** Versions of the software, and the name of the GPU. */
export function describeVersions(backend?: Backend): Record<string, string> {
  const gpu = backend?.runtime.adapter ?? backend?.gpu?.adapter.name;
  return {
    groundray: manifest.version,
    ...(backend && { runtime: `${backend.runtime.version} (${backend.runtime.name})` }),
    ...(gpu !== undefined && { gpu }),
    deno: Deno.version.deno,
  };
}
