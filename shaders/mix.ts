/**
 * a x + b y on the GPU, which is what a step of the noise schedule comes to;
 * the twin is `mix_cpu.ts`.
 *
 * @module
 */

import { dispatch, type Gpu, pipeline, storage } from "./device.ts";
import code from "./mix.wgsl" with { type: "text" };

/** Most workgroups; each takes several values where there are more. */
const MAX_WORKGROUPS = 1024;

/**
 * Records a x + b y into a new buffer.
 *
 * @param factors a and b.
 * @param x `[length]` float32.
 * @param y `[length]` float32; may be `x` itself.
 * @param length Values of each.
 * @returns The sum, which the caller frees, and what to free once all is submitted.
 */
export function mix(
  gpu: Gpu,
  encoder: GPUCommandEncoder,
  factors: readonly [a: number, b: number],
  x: GPUBuffer,
  y: GPUBuffer,
  length: number,
): { result: GPUBuffer; scratch: GPUBuffer } {
  const scratch = storage(gpu, "mix factors", Float32Array.from(factors));
  const result = storage(gpu, "mixed values", 4 * length);
  const kernel = pipeline(gpu, "mix", code, "mix_values", { LENGTH: length });
  const workgroups = Math.min(Math.ceil(length / 64), MAX_WORKGROUPS);
  dispatch(gpu, encoder, kernel, [scratch, x, y, result], [workgroups, 1, 1]);
  return { result, scratch };
}
