import { checked, type Gpu, submitAndRead } from "../../shaders/device.ts";
import type { Values } from "./runtime.ts";

/**
 * Values in memory: themselves, or a copy of those that lie on the GPU.
 *
 * @param gpu The GPU that they may lie on.
 * @param values What to read.
 * @param length How many they are: a buffer may be larger.
 */
export async function readValues(
  gpu: Gpu | undefined,
  values: Values,
  length: number,
): Promise<Float32Array> {
  if (values instanceof Float32Array) return values;
  return await checked(gpu!, "read values back", async () => {
    const encoder = gpu!.device.createCommandEncoder({ label: "read" });
    const ranges = [{ buffer: values, bytes: 4 * length }];
    return new Float32Array((await submitAndRead(gpu!, encoder, ranges))[0]!);
  });
}
