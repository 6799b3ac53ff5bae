import { checked, type Gpu, submitAndRead } from "../../shaders/device.ts";
import { elementCount } from "../onnx/graph.ts";
import type { OutputTensor, TensorData } from "./runtime.ts";

/**
 * Reads values into memory. Values that are in memory already are returned without a copy.
 *
 * @param gpu GPU of the runtime; required if the values lie on it.
 * @param values The values in memory or on the GPU.
 * @param length Number of values; a buffer may be larger.
 */
export async function readValues(
  gpu: Gpu | undefined,
  values: TensorData,
  length: number,
): Promise<Float32Array> {
  if (values instanceof Float32Array) return values;
  return await checked(gpu!, "read values back", async () => {
    const encoder = gpu!.device.createCommandEncoder({ label: "read" });
    const ranges = [{ buffer: values, bytes: 4 * length }];
    return new Float32Array((await submitAndRead(gpu!, encoder, ranges))[0]!);
  });
}

/** Reads a whole output into memory; the caller still has to free the output. */
export async function readOutput(
  gpu: Gpu | undefined,
  { data, dims }: OutputTensor,
): Promise<Float32Array> {
  return await readValues(gpu, data, elementCount(dims));
}

/** Reads a whole output into memory, and frees the output. */
export async function takeOutput(
  gpu: Gpu | undefined,
  output: OutputTensor,
): Promise<Float32Array> {
  return await readOutput(gpu, output).finally(() => output.release());
}
