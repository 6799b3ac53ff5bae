/**
 * A kernel that is run again and again on the GPU.
 *
 * @module
 */

import { type Gpu, type ReadRange, storage, submitAndRead } from "../../shaders/device.ts";
import { GpuTimer } from "../../shaders/gpu_timer.ts";
import type { Outcome, ShaderRun } from "./cases.ts";
import { type RoundsOptions, type Spread, timeInTurn } from "./rounds.ts";

/** What is recorded, and freed in the end. */
export interface Recording {
  record(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void;
  destroy(): void;
}

/** What a kernel starts from and makes. */
export interface KernelRunOptions {
  /** Its input, uploaded once. */
  readonly source: Float32Array | Uint8Array;
  /** Values of its result. */
  readonly length: number;
  /** What else is read back. */
  readonly more?: readonly ReadRange[];
  /** Makes an outcome of the result and what else was read; a map by default. */
  readonly toOutcome?: (read: readonly ArrayBuffer[]) => Outcome;
}

/** One kernel with its input on the GPU; what it makes is read back. */
export function kernelRun(gpu: Gpu, kernel: Recording, options: KernelRunOptions): ShaderRun {
  const { length, more = [] } = options;
  const { toOutcome = ([map]) => ({ map: new Float32Array(map!) }) } = options;
  const source = storage(gpu, "benchmark source", options.source);
  const result = storage(gpu, "benchmark result", 4 * length);
  const timer = GpuTimer.isOffered(gpu) ? new GpuTimer(gpu) : undefined;
  return {
    async run() {
      const encoder = gpu.device.createCommandEncoder({ label: "kernel" });
      kernel.record(encoder, source, result);
      const reads = [{ buffer: result, bytes: 4 * length }, ...more];
      return toOutcome(await submitAndRead(gpu, encoder, reads));
    },
    ...(timer && {
      async gpuMilliseconds() {
        const encoder = gpu.device.createCommandEncoder({ label: "timed kernel" });
        timer.measure(encoder, () => kernel.record(encoder, source, result));
        gpu.device.queue.submit([encoder.finish()]);
        const [milliseconds] = await timer.read();
        return milliseconds!;
      },
    }),
    destroy() {
      for (const owned of [kernel, source, result, timer]) owned?.destroy();
    },
  };
}

/** How long it takes to read four bytes, with nothing to compute: a part of every time of a shader. */
export async function timeReadback(gpu: Gpu, options: RoundsOptions): Promise<Spread> {
  const buffer = storage(gpu, "benchmark source", 4);
  const run = async () => {
    const encoder = gpu.device.createCommandEncoder({ label: "readback alone" });
    await submitAndRead(gpu, encoder, [{ buffer, bytes: 4 }]);
  };
  const [spread] = await timeInTurn([{ run }], options);
  buffer.destroy();
  return spread!;
}
