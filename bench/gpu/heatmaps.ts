/**
 * The part of `deno task bench:gpu` after the model, in a process of its own: from attention to
 * heatmaps, in plain TypeScript and by shaders, with the GPU's own clock. It prints a line of JSON
 * for each number of phrases.
 *
 * @module
 */

import { quietenDriver } from "../../cli/kit/driver.ts";
import { GpuHeatmaps } from "../../pipeline/gpu/heatmaps_gpu.ts";
import { type Gpu, openGpu } from "../../shaders/device.ts";
import {
  byShaders,
  inTypeScript,
  makeMaps,
  SIGMA,
  SIZE,
  upload,
} from "../postprocess/postprocess.ts";
import { median, timeInTurn } from "../harness.ts";

/** Seconds of a batch of phrases. */
export interface HeatmapsReport {
  /** Number of phrases. */
  readonly phrases: number;
  readonly typescript: number;
  /** From the first call to the heatmaps in memory. */
  readonly shaders: number;
  /** Sum of the GPU's passes by its own clock; absent on a GPU without one. */
  readonly gpu?: number;
}

/** Numbers of phrases in a batch. */
const PHRASES = [1, 2, 4, 8, 16, 32, 64] as const;

/** Most compute passes between two reads of the clock, by WebGPU's limit of 4096 queries. */
const PASSES = 2048;

/** Clocks the compute passes of a device. */
class PassClock {
  #gpu: Gpu;
  #queries: GPUQuerySet;
  #passes = 0;

  /** Adds a pair of timestamps to each compute pass from now on. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    const queries = gpu.device.createQuerySet({ type: "timestamp", count: 2 * PASSES });
    this.#queries = queries;
    const begin = GPUCommandEncoder.prototype.beginComputePass;
    const next = () => 2 * (this.#passes++ % PASSES);
    GPUCommandEncoder.prototype.beginComputePass = function (descriptor) {
      const first = next();
      const indices = { beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
      const timestampWrites = { querySet: queries, ...indices };
      return begin.call(this, { ...descriptor, timestampWrites });
    };
  }

  /** Seconds of all passes since the last call. */
  async read(): Promise<number> {
    const { device } = this.#gpu;
    const count = 2 * Math.min(this.#passes, PASSES);
    this.#passes = 0;
    const [resolved, staging] = [
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    ].map((usage) => device.createBuffer({ size: 8 * count, usage })) as [GPUBuffer, GPUBuffer];
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    for (const buffer of [resolved, staging]) buffer.destroy();
    let nanoseconds = 0n;
    for (let i = 0; i < count; i += 2) nanoseconds += times[i + 1]! - times[i]!;
    return Number(nanoseconds) / 1e9;
  }
}

/** Opens the device with the feature `timestamp-query` too, if the adapter has it. */
async function openTimed(): Promise<Gpu | undefined> {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor) {
    const own = this.features.has("timestamp-query") ? ["timestamp-query" as const] : [];
    const requiredFeatures = [...descriptor?.requiredFeatures ?? [], ...own];
    return request.call(this, { ...descriptor, requiredFeatures });
  };
  return await openGpu();
}

async function measure(rounds: number): Promise<void> {
  quietenDriver();
  const gpu = await openTimed();
  if (!gpu) throw new Error("there is no GPU adapter");
  const clock = gpu.device.features.has("timestamp-query") ? new PassClock(gpu) : undefined;
  const maps = makeMaps();
  const buffer = upload(gpu, maps);
  const heatmaps = new GpuHeatmaps(gpu, { size: SIZE, sigma: SIGMA, otsu: true });
  for (const phrases of PHRASES) {
    const clocked: number[] = [];
    const [typescript, shaders] = (await timeInTurn([
      () => void inTypeScript(maps, phrases),
      async () => {
        const began = performance.now();
        await byShaders(heatmaps, buffer, phrases);
        const took = (performance.now() - began) / 1000;
        if (clock) clocked.push(await clock.read());
        return took;
      },
    ], rounds)).map(median) as [number, number];
    const report: HeatmapsReport = {
      ...{ phrases, typescript, shaders },
      // The first round warms up.
      ...(clock && { gpu: median(clocked.slice(1)) }),
    };
    console.log(JSON.stringify(report));
  }
}

if (import.meta.main) {
  try {
    await measure(Number(Deno.args[0]));
  } catch (error) {
    console.log(JSON.stringify({ failure: (error as Error).message }));
  }
  Deno.exit(0);
}
