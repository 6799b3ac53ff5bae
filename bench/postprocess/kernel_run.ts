/**
 * Runs one kernel on the GPU repeatedly.
 *
 * @module
 */

import { type Gpu, type ReadRange, storage, submitAndRead } from "../../shaders/device.ts";
import { GpuTimer } from "../../shaders/gpu_timer.ts";
import type { Outcome, ShaderRun } from "./cases.ts";
import { type RoundsOptions, type Spread, timeInTurn } from "./rounds.ts";

/** Records a kernel's commands, and frees its buffers. */
export interface Recording {
  record(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void;
  destroy(): void;
}

/** Input and result of a kernel. */
export interface KernelRunOptions {
  /** The input, uploaded once. */
  readonly source: Float32Array | Uint8Array;
  /** Number of float32 values of the result. */
  readonly length: number;
  /** Other ranges to read back after the result. */
  readonly more?: readonly ReadRange[];
  /** Turns the read buffers into an outcome; by default the result becomes the map. */
  readonly toOutcome?: (read: readonly ArrayBuffer[]) => Outcome;
}

/** Uploads the kernel's input and returns its run, which reads the result back. */
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

/** Times a readback of four bytes without any computation: a fixed part of each shader's time. */
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
