/**
 * Computes a x + b y on the GPU: the arithmetic of a step of the noise schedule. Its twin is
 * `mix_cpu.ts`.
 *
 * @module
 */

import { dispatch, type Gpu, pipeline, storage } from "./device.ts";
import code from "./mix.wgsl" with { type: "text" };

/** Most workgroups; for more values, each thread computes several. */
const MAX_WORKGROUPS = 1024;

/**
 * Records a x + b y into a new buffer.
 *
 * @param factors The factors a and b.
 * @param x `[length]` float32.
 * @param y `[length]` float32; may be `x` itself.
 * @param length Number of values in each of `x` and `y`.
 * @returns The sum as `result`, and a buffer in use as `scratch`. The caller frees both, `scratch`
 * only after the work is submitted.
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
