/**
 * Measures with timestamp queries how long recorded work takes on the GPU itself.
 *
 * @module
 */

import type { Gpu } from "./device.ts";

/** Bytes of one timestamp. */
const TIMESTAMP_BYTES = 8;

/** Options of {@linkcode GpuTimer}. */
export interface GpuTimerOptions {
  /**
   * Most measurements between two reads.
   *
   * @default {64}
   */
  readonly capacity?: number;
}

/**
 * Measures recorded work by a timestamp before it and one after it.
 *
 * @example
 * ```ts
 * import { openGpu, storage } from "./device.ts";
 * import { GpuTimer } from "./gpu_timer.ts";
 *
 * const gpu = await openGpu();
 * if (gpu && GpuTimer.isOffered(gpu)) {
 *   const timer = new GpuTimer(gpu);
 *   const buffer = storage(gpu, "some numbers", 4096);
 *   const encoder = gpu.device.createCommandEncoder();
 *   timer.measure(encoder, () => encoder.clearBuffer(buffer));
 *   gpu.device.queue.submit([encoder.finish()]);
 *   const [milliseconds] = await timer.read();
 *   console.log(milliseconds);
 *   timer.destroy();
 *   buffer.destroy();
 *   gpu.destroy();
 * }
 * ```
 */
export class GpuTimer {
  #gpu: Gpu;
  #queries: GPUQuerySet;
  #resolved: GPUBuffer;
  #capacity: number;
  #count = 0;

  /** Whether a device has timestamp queries. */
  static isOffered({ device }: Gpu): boolean {
    return device.features.has("timestamp-query");
  }

  /**
   * @param gpu GPU that runs the work.
   * @throws {Error} If the device has no timestamp queries.
   */
  constructor(gpu: Gpu, { capacity = 64 }: GpuTimerOptions = {}) {
    if (!GpuTimer.isOffered(gpu)) {
      throw new Error(`Cannot time the GPU: ${gpu.adapter.name} has no timestamp queries`);
    }
    this.#gpu = gpu;
    this.#capacity = capacity;
    this.#queries = gpu.device.createQuerySet({
      label: "timestamps",
      type: "timestamp",
      count: 2 * capacity,
    });
    this.#resolved = gpu.device.createBuffer({
      label: "timestamps",
      size: 2 * capacity * TIMESTAMP_BYTES,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /**
   * Records work between two timestamps.
   *
   * @param encoder Encoder that records the work; no pass may be open.
   * @param record Records the work.
   * @throws {RangeError} If there are more measurements than the timer holds.
   */
  measure(encoder: GPUCommandEncoder, record: () => void): void {
    if (this.#count >= this.#capacity) {
      throw new RangeError(
        `Cannot time more than ${this.#capacity} pieces of work between two reads`,
      );
    }
    const first = 2 * this.#count++;
    this.#stamp(encoder, first);
    record();
    this.#stamp(encoder, first + 1);
  }

  /**
   * Reads the duration of each measurement, in the order of recording, and empties the timer. All
   * measured work must have been submitted.
   *
   * @returns Milliseconds, one number for each measurement.
   */
  async read(): Promise<number[]> {
    const count = this.#count;
    this.#count = 0;
    if (count === 0) return [];
    const { device } = this.#gpu;
    const bytes = 2 * count * TIMESTAMP_BYTES;
    const staging = device.createBuffer({
      label: "timestamps read back",
      size: bytes,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    try {
      const encoder = device.createCommandEncoder({ label: "read timestamps" });
      encoder.resolveQuerySet(this.#queries, 0, 2 * count, this.#resolved, 0);
      encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const nanoseconds = new BigUint64Array(staging.getMappedRange());
      return Array.from(
        { length: count },
        (_, i) => Number(nanoseconds[2 * i + 1]! - nanoseconds[2 * i]!) / 1e6,
      );
    } finally {
      staging.destroy();
    }
  }

  /** Frees the timer's buffer and queries. */
  destroy(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }

  /**
   * Records a timestamp. WebGPU takes timestamps only at passes; an empty pass costs almost
   * nothing.
   */
  #stamp(encoder: GPUCommandEncoder, index: number): void {
    const timestampWrites = { querySet: this.#queries, endOfPassWriteIndex: index };
    encoder.beginComputePass({ label: "timestamp", timestampWrites }).end();
  }
}
