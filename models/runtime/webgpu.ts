/**
 * `onnxruntime-web` on WebGPU: the model runs on the device that the shaders
 * use, and its tensors may stay there.
 *
 * @module
 */

import ort from "onnxruntime-web/jspi";
import type { Tensor as OrtTensor } from "onnxruntime-web/jspi";
import { checked, type Gpu } from "../../shaders/device.ts";
import type { OutputTensor, Runtime, Session, Tensor } from "./runtime.ts";
import { nameOf, readExternal } from "./wasm.ts";

/**
 * Opens the WebGPU runtime on a device.
 *
 * @param gpu The device, which the caller closes after the last session.
 * @param reason Why it was chosen.
 */
export function openWebgpu(gpu: Gpu, reason: string): Runtime {
  ort.env.logLevel = "error";
  // The graph runs on the GPU; more threads would only wait.
  ort.env.wasm.numThreads = 1;
  return {
    name: "webgpu",
    version: `onnxruntime-web ${ort.env.versions.web ?? ort.env.versions.common}`,
    reason,
    gpu,
    refer({ offset, length }) {
      return { location: nameOf(offset, length), offset: 0 };
    },
    async load(model, external = []) {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [{ name: "webgpu", device: gpu.device }],
        preferredOutputLocation: "gpu-buffer",
        externalData: await readExternal(external),
        logSeverityLevel: 3,
      });
      return wrapGpuSession(gpu, session);
    },
  };
}

type OrtSession = Awaited<ReturnType<typeof ort.InferenceSession.create>>;

/** An input, wherever it lies. */
function toOrt({ data, dims }: Tensor): OrtTensor {
  if (data instanceof Float32Array) return new ort.Tensor("float32", data, dims);
  if (data instanceof BigInt64Array) return new ort.Tensor("int64", data, dims);
  return ort.Tensor.fromGpuBuffer(data, { dataType: "float32", dims }) as OrtTensor;
}

function wrapGpuSession(gpu: Gpu, session: OrtSession): Session {
  return {
    async run(feeds, fetches) {
      const inputs: Record<string, OrtTensor> = {};
      for (const [name, tensor] of Object.entries(feeds)) inputs[name] = toOrt(tensor);
      // A lost device takes everything and computes nothing, so it is asked afterwards.
      const results = await checked(gpu, "run the model", () => session.run(inputs, fetches));
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
