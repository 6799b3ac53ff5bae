/**
 * `onnxruntime-web` on WebGPU. The model shares a device with the shaders, so that tensors
 * can stay on the GPU.
 *
 * @module
 */

import type { Tensor as OrtTensor } from "onnxruntime-web";
import { host, type OrtWeb as Ort } from "../../base/host/host.ts";
import { oneAtATime } from "../../base/one_at_a_time.ts";
import {
  checked,
  DeviceLostError,
  type Gpu,
  inTurn,
  NO_ADAPTER,
  openGpu,
} from "../../shaders/device.ts";
import {
  type ExternalData,
  loadedLength,
  type OutputTensor,
  type Runtime,
  type Session,
  type Tensor,
} from "./runtime.ts";
import { nameOf, withExternal } from "./wasm.ts";

/**
 * Opens the WebGPU runtime on a device.
 *
 * @param gpu The device; the caller destroys it after the last session.
 * @param reason Why this runtime was chosen, as a clause.
 */
export async function openWebgpu(gpu: Gpu, reason: string): Promise<Runtime> {
  const ort = await host().loadOrt("webgpu", isSpent);
  if (isSpent) alone = oneAtATime();
  isSpent = false;
  ort.env.logLevel = "error";
  // The graph runs on the GPU; more CPU threads would only wait.
  ort.env.wasm.numThreads = 1;
  return {
    name: "webgpu",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    reason,
    adapter: gpu.adapter.name,
    gpu,
    ...(gpu.device.features.has("shader-f16") && { float16: "kept" }),
    async reopen() {
      const next = await openGpu();
      if (!next) throw new Error(`Cannot open the GPU again: ${NO_ADAPTER}`);
      return await openWebgpu(next, "the GPU was lost");
    },
    refer(data) {
      return { location: nameOf(data), offset: 0 };
    },
    async load(model, external = [], { keepFloat16 = false } = {}) {
      requireFit(gpu, external);
      const session = await withExternal(
        external,
        (externalData) =>
          onGpu(gpu, "load the model", () =>
            ort.InferenceSession.create(model, {
              executionProviders: [{ name: "webgpu", device: gpu.device, preferredLayout: "NCHW" }],
              preferredOutputLocation: "gpu-buffer",
              externalData,
              logSeverityLevel: 3,
              ...(keepFloat16 && KEEP_FLOAT16),
            })),
      );
      return wrapGpuSession(ort, gpu, session);
    },
  };
}

/**
 * Session options for both libraries that keep float16 weights. Constant folding would widen them
 * for good when the model loads. The highest level of optimisation folds even with the optimizer
 * disabled.
 */
export const KEEP_FLOAT16 = {
  graphOptimizationLevel: "layout",
  extra: { optimization: { disable_specified_optimizers: "ConstantFolding" } },
} as const;

/** Refuses a weight that exceeds the largest buffer binding; the runtime would fail only later. */
function requireFit(gpu: Gpu, external: readonly ExternalData[]): void {
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  const most = external.reduce((most, data) => Math.max(most, loadedLength(data)), 0);
  if (most > limit) {
    throw new RangeError(
      `a weight needs ${most} bytes in one buffer, and ${gpu.adapter.name} allows ${limit}`,
    );
  }
}

type OrtSession = Awaited<ReturnType<Ort["InferenceSession"]["create"]>>;

/** Whether a device was lost under the library's instance; its WebAssembly then aborts for good. */
let isSpent = false;

/** Queue of the library's calls: WebAssembly waits for ever if a call begins during another. */
let alone = oneAtATime();

/** Runs a call of the library in its turn, and remembers if the device is lost during the call. */
async function onGpu<T>(gpu: Gpu, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await alone(() => checked(gpu, what, work));
  } catch (error) {
    isSpent ||= error instanceof DeviceLostError;
    throw error;
  }
}

/** Converts an input in memory or on the GPU to a tensor of the library. */
function toOrt(ort: Ort, { data, dims }: Tensor): OrtTensor {
  if (data instanceof Float32Array) return new ort.Tensor("float32", data, dims);
  if (data instanceof BigInt64Array) return new ort.Tensor("int64", data, dims);
  return ort.Tensor.fromGpuBuffer(data, { dataType: "float32", dims }) as OrtTensor;
}

function wrapGpuSession(ort: Ort, gpu: Gpu, session: OrtSession): Session {
  return {
    async run(feeds, fetches) {
      const inputs: Record<string, OrtTensor> = {};
      for (const [name, tensor] of Object.entries(feeds)) inputs[name] = toOrt(ort, tensor);
      const run = () => inTurn(gpu, () => session.run(inputs, fetches));
      const results = await onGpu(gpu, "run the model", run);
      const outputs: Record<string, OutputTensor> = {};
      for (const name of fetches) {
        const tensor = results[name]! as OrtTensor;
        const data = tensor.gpuBuffer as unknown as GPUBuffer;
        outputs[name] = { data, dims: tensor.dims, release: () => tensor.dispose() };
      }
      return outputs;
    },
    release: () => alone(() => session.release()),
  };
}
