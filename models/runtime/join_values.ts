import { type Gpu, storage } from "../../shaders/device.ts";
import type { TensorData } from "./runtime.ts";

/** A batch of values, one part after another. */
export interface JoinedValues {
  /** All parts: on the GPU if there is one, else in memory. */
  readonly data: TensorData;
  /** Frees the buffer that joining made. Call it after submitting every command that reads it. */
  release(): void;
}

/**
 * Joins values of equal length into a batch. A single part is returned without a copy.
 *
 * @param gpu GPU that the runtime keeps values on; `undefined` if it keeps them in memory.
 * @param values At least one part; without a GPU, every part must be in memory.
 * @param length Number of values in each part; a buffer may be larger.
 */
export function joinValues(
  gpu: Gpu | undefined,
  values: readonly TensorData[],
  length: number,
): JoinedValues {
  if (values.length === 1) return { data: values[0]!, release: () => {} };
  if (!gpu) {
    const data = new Float32Array(values.length * length);
    values.forEach((part, i) => data.set(part as Float32Array, i * length));
    return { data, release: () => {} };
  }
  const joined = storage(gpu, "batch", 4 * values.length * length);
  const { queue } = gpu.device;
  const encoder = gpu.device.createCommandEncoder({ label: "batch" });
  values.forEach((part, i) => {
    const offset = 4 * i * length;
    if (part instanceof Float32Array) queue.writeBuffer(joined, offset, part as BufferSource);
    else encoder.copyBufferToBuffer(part, 0, joined, offset, 4 * length);
  });
  queue.submit([encoder.finish()]);
  return { data: joined, release: () => joined.destroy() };
}
