/**
 * Puts values side by side, wherever a runtime keeps them.
 *
 * @module
 */

import { type Gpu, storage } from "../../shaders/device.ts";
import type { Values } from "./runtime.ts";

/** Values side by side. */
export interface JoinedValues {
  /** All of them, where the runtime keeps values. */
  readonly data: Values;
  /** Gives back what was made for it, once all that reads it is submitted. */
  release(): void;
}

/**
 * Joins values of equal length into a batch. One alone is taken as it is.
 *
 * @param gpu Where the runtime keeps values; `undefined` in memory.
 * @param values At least one; in memory only, or anywhere where there is a GPU.
 * @param length Numbers in each: a buffer may be larger.
 */
export function joinValues(
  gpu: Gpu | undefined,
  values: readonly Values[],
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
