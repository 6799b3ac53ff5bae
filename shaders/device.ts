/**
 * The GPU that shaders run on: WebGPU's adapter and device, with the limits and features that this
 * project uses.
 *
 * @module
 */

import { oneAtATime } from "../base/one_at_a_time.ts";

/** Facts about the adapter. */
export interface AdapterFacts {
  /** Name, such as `NVIDIA H200` or `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Whether the adapter is hardware, and not a driver that computes on the CPU. */
  readonly isHardware: boolean;
  /** Shaders there can hold float16 numbers. */
  readonly hasFloat16: boolean;
}

/** A device with its adapter's facts. */
export interface Gpu {
  /** The device, with the highest limits that its adapter offers. */
  readonly device: GPUDevice;
  /** Adapter of the device. */
  readonly adapter: AdapterFacts;
  /** Compiled kernels by name and constants; each is compiled once for the device. */
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Shader modules by the kernel's name. */
  readonly modules: Map<string, GPUShaderModule>;
  /** Errors outside {@linkcode checked}; its next call throws the first of them. */
  readonly failures: Error[];
  /** Why the device was lost; `undefined` while it works. */
  readonly lost: string | undefined;
  /** Destroys the device. */
  destroy(): void;
}

/** Error for a lost device: its driver was reset, or the device was unplugged or destroyed. */
export class DeviceLostError extends Error {
  /** Name of the class. */
  override name = "DeviceLostError";
}

/** Names of software drivers: Mesa's, Google's and Microsoft's. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp/i;

/** Features that are requested if the adapter has them. */
const FEATURES: readonly GPUFeatureName[] = ["shader-f16", "subgroups" as GPUFeatureName];

function requestAdapter(): Promise<GPUAdapter | null> | undefined {
  return globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
}

function factsOf(adapter: GPUAdapter): AdapterFacts {
  const { device: model, description, vendor, architecture } = adapter.info;
  // Deno gives the name as `device`, but only a number on some drivers. Browsers may give no name.
  const names = [model, description, `${vendor} ${architecture}`.trim(), "an unnamed adapter"];
  return {
    name: names.find((name) => /[a-z]/i.test(name))!,
    isHardware: !isFallback(adapter) && !SOFTWARE.test(names.join(" ")),
    hasFloat16: adapter.features.has("shader-f16"),
  };
}

/** Describes the adapter that {@linkcode openGpu} would open; `undefined` if there is none. */
export async function findAdapter(): Promise<AdapterFacts | undefined> {
  const adapter = await requestAdapter();
  return adapter ? factsOf(adapter) : undefined;
}

/**
 * Opens the fastest GPU adapter, or a software driver if there is no other.
 *
 * @returns The GPU; `undefined` if there is no adapter at all.
 * @throws {Error} If the adapter refuses to give a device.
 */
export async function openGpu(): Promise<Gpu | undefined> {
  const adapter = await requestAdapter();
  if (!adapter) return undefined;
  const requiredLimits: Record<string, number> = {};
  // The limits are getters of the prototype: `for … in` lists them, `Object.keys()` does not.
  for (const limit in adapter.limits) {
    const value = (adapter.limits as unknown as Record<string, unknown>)[limit];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const device = await adapter.requestDevice({
    label: "groundray",
    requiredLimits,
    requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
  });
  const failures: Error[] = [];
  device.addEventListener("uncapturederror", (event) => {
    failures.push(new Error((event as GPUUncapturedErrorEvent).error.message));
  });
  let lost: string | undefined;
  device.lost.then(({ reason, message }) => lost = message || reason || "no reason given");
  return {
    device,
    adapter: factsOf(adapter),
    pipelines: new Map(),
    modules: new Map(),
    failures,
    get lost() {
      return lost;
    },
    destroy() {
      device.destroy();
    },
  };
}

/** End of the error message for a user who asked for a GPU on a machine without an adapter. */
export const NO_ADAPTER =
  "there is no GPU adapter here: install the GPU's Vulkan driver, or for a " +
  "software one Debian's package mesa-vulkan-drivers";

function isFallback(adapter: GPUAdapter): boolean {
  const { info } = adapter as unknown as { info: { isFallbackAdapter?: boolean } };
  return info.isFallbackAdapter ?? false;
}

/**
 * Runs GPU work and throws any error that the device reports meanwhile. Also throws an error of
 * earlier work that nobody waited for.
 *
 * @param what The work in words, for the error message.
 * @param work Records the work, submits it, and reads results back.
 * @throws {DeviceLostError} If the device was lost.
 * @throws {RangeError} If the device ran out of memory.
 * @throws {Error} If the device found the work invalid.
 */
export async function checked<T>(gpu: Gpu, what: string, work: () => T | Promise<T>): Promise<T> {
  const { device } = gpu;
  if (gpu.lost !== undefined) throw lostError(gpu, what);
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let result: T | undefined;
  let thrown: unknown;
  let hasThrown = false;
  try {
    result = await work();
  } catch (error) {
    thrown = error;
    hasThrown = true;
  }
  const scopes = [device.popErrorScope(), device.popErrorScope()];
  const [invalid, memory] = await Promise.all(scopes.map((scope) => scope.catch(() => null)));
  // The promise `device.lost` settles some turns after the first call that fails.
  if (hasThrown && gpu.lost === undefined) await lossOrDelay(device);
  if (gpu.lost !== undefined) throw lostError(gpu, what);
  const [failure] = gpu.failures.splice(0);
  if (failure) throw failure;
  if (memory) throw new RangeError(`Cannot ${what}: the GPU is out of memory (${memory.message})`);
  if (invalid) throw new Error(`Cannot ${what}: ${invalid.message}`);
  if (hasThrown) throw thrown;
  return result as T;
}

/** Most passes that a GPU has yet to finish: one runs, and the next is ready. */
const MAX_PASSES = 2;

/** Passes of a device. */
interface Passes {
  /** Queue of the submissions, so that callers at the same time count each other's passes. */
  readonly alone: ReturnType<typeof oneAtATime>;
  /** Ends of passes that may still run, oldest first; `undefined` where the end is asked for late. */
  readonly ends: (Promise<void> | undefined)[];
}

const passesOf = new WeakMap<GPUDevice, Passes>();

/**
 * Submits a pass once at most one earlier pass still runs. Passes are submitted faster than a slow
 * GPU runs them, and each holds memory until it has run. Callers at the same time take turns.
 *
 * @param submit Records and submits the pass.
 * @param isEager The end of a pass is asked for at once, so that the wait for it leaves the next
 * pass running. Deno's call blocks until all work is done, so there it is made as late as possible.
 */
export function inTurn<T>(
  { device }: Gpu,
  submit: () => Promise<T>,
  isEager = !("Deno" in globalThis),
): Promise<T> {
  const passes = passesOf.get(device) ?? { alone: oneAtATime(), ends: [] };
  passesOf.set(device, passes);
  const { alone, ends } = passes;
  const end = () => device.queue.onSubmittedWorkDone();
  return alone(async () => {
    while (ends.length >= MAX_PASSES) {
      const oldest = ends.shift();
      await (oldest ?? end());
      if (!oldest) ends.length = 0;
    }
    try {
      return await submit();
    } finally {
      // The device reports a loss by itself, and nobody may ever wait for this end.
      ends.push(isEager ? end().catch(() => {}) : undefined);
    }
  });
}

/** Most milliseconds that a failed call waits for `device.lost` to settle. */
const LOSS_DELAY = 100;

async function lossOrDelay(device: GPUDevice): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const delay = new Promise<void>((resolve) => timer = setTimeout(resolve, LOSS_DELAY));
  // If the device is lost, its own promise settles before the delay ends.
  await Promise.race([device.lost, delay]);
  clearTimeout(timer);
}

function lostError(gpu: Gpu, what: string): DeviceLostError {
  return new DeviceLostError(`Cannot ${what}: the GPU was lost (${gpu.lost})`);
}

/**
 * Returns a compute pipeline, which is compiled at its first use on a device.
 *
 * @param label Name of the kernel and of its WGSL.
 * @param code The WGSL.
 * @param entryPoint Function of the WGSL to run.
 * @param constants Values of the overrides in the WGSL.
 */
export function pipeline(
  gpu: Gpu,
  label: string,
  code: string,
  entryPoint: string,
  constants: Record<string, number>,
): GPUComputePipeline {
  const key = JSON.stringify([label, entryPoint, constants]);
  const known = gpu.pipelines.get(key);
  if (known) return known;
  const module = gpu.modules.get(label) ?? gpu.device.createShaderModule({ label, code });
  gpu.modules.set(label, module);
  const compiled = gpu.device.createComputePipeline({
    label: `${label}.${entryPoint}`,
    layout: "auto",
    compute: { module, entryPoint, constants },
  });
  gpu.pipelines.set(key, compiled);
  return compiled;
}

/**
 * Records one dispatch in a pass of its own.
 *
 * @param encoder Encoder that records the dispatch.
 * @param compiled Pipeline to run.
 * @param buffers Buffers of group 0, by binding number.
 * @param workgroups Numbers of workgroups along x, y and z.
 * @throws {RangeError} If there are more workgroups along an axis than the device allows.
 */
export function dispatch(
  gpu: Gpu,
  encoder: GPUCommandEncoder,
  compiled: GPUComputePipeline,
  buffers: readonly GPUBuffer[] | Readonly<Record<number, GPUBuffer>>,
  workgroups: readonly [number, number, number],
): void {
  const { label } = compiled;
  const limit = gpu.device.limits.maxComputeWorkgroupsPerDimension;
  if (workgroups.some((count) => count > limit)) {
    throw new RangeError(
      `Cannot run ${label} on the GPU: it needs ${workgroups.join(" x ")} workgroups, and ` +
        `${gpu.adapter.name} allows ${limit} along an axis`,
    );
  }
  const pass = encoder.beginComputePass({ label });
  pass.setPipeline(compiled);
  pass.setBindGroup(
    0,
    gpu.device.createBindGroup({
      label,
      layout: compiled.getBindGroupLayout(0),
      entries: Object.entries(buffers).map(([binding, buffer]) => ({
        binding: Number(binding),
        resource: { buffer },
      })),
    }),
  );
  pass.dispatchWorkgroups(...workgroups);
  pass.end();
}

/** An operation of a shader, with the buffers that it has beside its inputs and results. */
export class Operation {
  readonly #gpu: Gpu;
  readonly #label: string;
  readonly #code: string;
  readonly #held: GPUBuffer[] = [];

  /** As {@linkcode pipeline}. */
  constructor(gpu: Gpu, label: string, code: string) {
    this.#gpu = gpu;
    this.#label = label;
    this.#code = code;
  }

  /** Creates a buffer that {@linkcode Operation.destroy} frees; as {@linkcode storage}. */
  protected hold(label: string, content: Parameters<typeof storage>[2]): GPUBuffer {
    const buffer = storage(this.#gpu, label, content);
    this.#held.push(buffer);
    return buffer;
  }

  /** Records one dispatch; as {@linkcode pipeline} and {@linkcode dispatch}. */
  protected run(
    encoder: GPUCommandEncoder,
    entryPoint: string,
    constants: Record<string, number>,
    buffers: readonly GPUBuffer[] | Readonly<Record<number, GPUBuffer>>,
    workgroups: readonly [number, number, number],
  ): void {
    const kernel = pipeline(this.#gpu, this.#label, this.#code, entryPoint, constants);
    dispatch(this.#gpu, encoder, kernel, buffers, workgroups);
  }

  /** Frees the buffers. */
  destroy(): void {
    for (const buffer of this.#held) buffer.destroy();
  }
}

/**
 * Creates a storage buffer that supports copies in both directions.
 *
 * @param label Content of the buffer in words, for error messages.
 * @param content Content of the buffer, or its size in bytes for a buffer of zeros.
 * @throws {RangeError} If the device cannot bind so large a buffer.
 */
export function storage(
  gpu: Gpu,
  label: string,
  content: number | Float32Array | Int32Array | Uint32Array | Uint8Array,
): GPUBuffer {
  const bytes = typeof content === "number" ? content : content.byteLength;
  const limit = gpu.device.limits.maxStorageBufferBindingSize;
  if (bytes > limit) {
    throw new RangeError(
      `Cannot hold ${label} on the GPU: it needs ${bytes} bytes in one buffer, and ` +
        `${gpu.adapter.name} allows ${limit}`,
    );
  }
  gpu.device.pushErrorScope("out-of-memory");
  const buffer = gpu.device.createBuffer({
    label,
    // A binding needs at least one element, and a size must be a multiple of 4.
    size: Math.max(Math.ceil(bytes / 4) * 4, 16),
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  gpu.device.popErrorScope().then((error) => {
    if (!error) return;
    const reason = `it needs ${bytes} bytes, and the GPU is out of memory`;
    gpu.failures.push(new RangeError(`Cannot hold ${label} on the GPU: ${reason}`));
  }, () => {});
  // Deno 2.9 panics on an empty write.
  if (typeof content !== "number" && bytes > 0) {
    const whole = content.byteLength % 4 === 0
      ? content
      : padded(content as Uint8Array, Math.ceil(bytes / 4) * 4);
    gpu.device.queue.writeBuffer(buffer, 0, whole as BufferSource);
  }
  return buffer;
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(bytes);
  return result;
}

/** A stretch of a buffer to read back. */
export interface ReadRange {
  /** Buffer to read. */
  readonly buffer: GPUBuffer;
  /** Number of bytes, a multiple of 4. */
  readonly bytes: number;
  /**
   * Offset of the first byte, a multiple of 4.
   * @default 0
   */
  readonly from?: number;
}

/**
 * Submits the recorded work and reads buffers back, all in one mapping. Each mapping takes about 11
 * ms in Deno, regardless of its size.
 *
 * @param encoder Encoder with the recorded work; this function finishes it.
 * @param ranges Stretches of buffers to read.
 * @returns One copy for each range.
 * @throws {RangeError} If the ranges together exceed the largest buffer of the device.
 */
export async function submitAndRead(
  gpu: Gpu,
  encoder: GPUCommandEncoder,
  ranges: readonly ReadRange[],
): Promise<ArrayBuffer[]> {
  const total = ranges.reduce((sum, { bytes }) => sum + bytes, 0);
  const limit = gpu.device.limits.maxBufferSize;
  if (total > limit) {
    throw new RangeError(
      `Cannot read back ${total} bytes at once: ${gpu.adapter.name} allows ${limit} in a buffer`,
    );
  }
  const staging = gpu.device.createBuffer({
    label: "readback",
    size: total,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    let offset = 0;
    for (const { buffer, bytes, from = 0 } of ranges) {
      encoder.copyBufferToBuffer(buffer, from, staging, offset, bytes);
      offset += bytes;
    }
    gpu.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const mapped = staging.getMappedRange();
    let start = 0;
    const results = ranges.map(({ bytes }) => mapped.slice(start, start += bytes));
    staging.unmap();
    return results;
  } finally {
    staging.destroy();
  }
}
