/**
 * `onnxruntime-web` on WebGPU: the model runs on the device that the shaders
 * use, and its tensors may stay there.
 *
 * @module
 */

import type { Tensor as OrtTensor } from "onnxruntime-web";
import { host, type OrtWeb as Ort } from "../../base/host/host.ts";
import { checked, DeviceLostError, type Gpu } from "../../shaders/device.ts";
import type { ExternalData, OutputTensor, Runtime, Session, Tensor } from "./runtime.ts";
import { nameOf, withExternal } from "./wasm.ts";

/**
 * Opens the WebGPU runtime on a device.
 *
 * @param gpu The device, which the caller closes after the last session.
 * @param reason Why it was chosen.
 */
export async function openWebgpu(gpu: Gpu, reason: string): Promise<Runtime> {
  const ort = await host().loadOrt("webgpu", isSpent);
  isSpent = false;
  ort.env.logLevel = "error";
  // The graph runs on the GPU; more threads would only wait.
  ort.env.wasm.numThreads = 1;
  return {
    name: "webgpu",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    reason,
    gpu,
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
              executionProviders: [{ name: "webgpu", device: gpu.device }],
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
 * Folding constants would widen float16 weights for good when the model loads,
 * and the last level of optimisation folds whatever is said of it.
 */
const KEEP_FLOAT16 = {
  graphOptimizationLevel: "layout",
  extra: { optimization: { disable_specified_optimizers: "ConstantFolding" } },
} as const;

/** Every weight must fit a buffer that can be bound; the runtime would only fail later. */
function requireFit(gpu: Gpu, external: readonly ExternalData[]): void {
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  const most = external.reduce(
    (most, { length, asFloat16 }) => Math.max(most, asFloat16 ? length / 2 : length),
    0,
  );
  if (most > limit) {
    throw new RangeError(
      `a weight needs ${most} bytes in one buffer, and ${gpu.adapter.name} allows ${limit}`,
    );
  }
}

type OrtSession = Awaited<ReturnType<Ort["InferenceSession"]["create"]>>;

/** Whether a lost device has ended the library's instance: its WebAssembly then aborts for good. */
let isSpent = false;

/** Runs something of the library, and notes when the device was lost under it. */
async function onGpu<T>(gpu: Gpu, what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await checked(gpu, what, work);
  } catch (error) {
    isSpent ||= error instanceof DeviceLostError;
    throw error;
  }
}

/** An input, wherever it lies. */
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
      const results = await onGpu(gpu, "run the model", () => session.run(inputs, fetches));
      const outputs: Record<string, OutputTensor> = {};
      for (const name of fetches) {
        const tensor = results[name]! as OrtTensor;
        const data = tensor.gpuBuffer as unknown as GPUBuffer;
        outputs[name] = { data, dims: tensor.dims, release: () => tensor.dispose() };
      }
      return outputs;
    },
    release: () => session.release(),
  };
}
