/**
 * The GPU that shaders run on: WebGPU's adapter and device, with what this
 * project asks of them.
 *
 * @module
 */

/** What is known of the adapter. */
export interface AdapterFacts {
  /** Its name, such as `NVIDIA H200` or `llvmpipe (LLVM 15.0.6, 256 bits)`. */
  readonly name: string;
  /** Whether it is hardware, not a driver that computes on the CPU. */
  readonly isHardware: boolean;
}

/** A device with its adapter's facts. */
export interface Gpu {
  /** The device, with the highest limits that its adapter has. */
  readonly device: GPUDevice;
  /** What it belongs to. */
  readonly adapter: AdapterFacts;
  /** Compiled kernels, by name and constants: each is compiled once a device. */
  readonly pipelines: Map<string, GPUComputePipeline>;
  /** Parsed WGSL, by the kernel's name. */
  readonly modules: Map<string, GPUShaderModule>;
  /** What went wrong outside {@linkcode checked}, whose next call throws the first of it. */
  readonly failures: Error[];
  /** Why the device was lost; `undefined` while it works. */
  readonly lost: string | undefined;
  /** Gives the device back. */
  destroy(): void;
}

/** The device was lost: its driver was reset, or it was unplugged or destroyed. */
export class DeviceLostError extends Error {
  /** Its class, by name. */
  override name = "DeviceLostError";
}

/** Software drivers by the names they give: Mesa's, Google's and Microsoft's. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render|warp/i;

/** Features that are used where an adapter has them. */
const FEATURES: readonly GPUFeatureName[] = [
  "shader-f16",
  "timestamp-query",
  "subgroups" as GPUFeatureName,
];

/**
 * Opens a GPU: the fastest adapter, a software driver where there is nothing else.
 *
 * @returns `undefined` where there is no adapter at all.
 * @throws {Error} If the adapter refuses to give a device.
 */
export async function openGpu(): Promise<Gpu | undefined> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter) return undefined;
  const { device: model, description, vendor, architecture } = adapter.info;
  // Deno gives the name as `device`, and only a number on some drivers; browsers may give neither.
  const names = [model, description, `${vendor} ${architecture}`.trim(), "an unnamed adapter"];
  const facts: AdapterFacts = {
    name: names.find((name) => /[a-z]/i.test(name))!,
    isHardware: !isFallback(adapter) && !SOFTWARE.test(names.join(" ")),
  };
  const requiredLimits: Record<string, number> = {};
  // The limits are getters of the prototype, which only `in` and `for` see.
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
    adapter: facts,
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

/** The sentence for who asked for a GPU where there is none. */
export const NO_ADAPTER =
  "there is no GPU adapter here: install the GPU's Vulkan driver, or for a " +
  "software one Debian's package mesa-vulkan-drivers";

function isFallback(adapter: GPUAdapter): boolean {
  const { info } = adapter as unknown as { info: { isFallbackAdapter?: boolean } };
  return info.isFallbackAdapter ?? false;
}

/**
 * Runs some GPU work and throws what went wrong on the device meanwhile, or in
 * earlier work that nobody waited for.
 *
 * @param gpu The device.
 * @param what The work in words, for the error message.
 * @param work Records, submits, and reads back.
 * @throws {DeviceLostError} If the device was lost.
 * @throws {RangeError} If it ran out of memory.
 * @throws {Error} If it found the work invalid.
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
  // A lost device settles its promise some turns after the call that found out.
  if (hasThrown && gpu.lost === undefined) await lossOrDelay(device);
  if (gpu.lost !== undefined) throw lostError(gpu, what);
  const [failure] = gpu.failures.splice(0);
  if (failure) throw failure;
  if (memory) throw new RangeError(`Cannot ${what}: the GPU is out of memory (${memory.message})`);
  if (invalid) throw new Error(`Cannot ${what}: ${invalid.message}`);
  if (hasThrown) throw thrown;
  return result as T;
}

/** Milliseconds that a failed call waits for the news that the device is lost. */
const LOSS_DELAY = 100;

async function lossOrDelay(device: GPUDevice): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const delay = new Promise<void>((resolve) => timer = setTimeout(resolve, LOSS_DELAY));
  // The device's own promise comes before, where there is a loss at all.
  await Promise.race([device.lost, delay]);
  clearTimeout(timer);
}

function lostError(gpu: Gpu, what: string): DeviceLostError {
  return new DeviceLostError(`Cannot ${what}: the GPU was lost (${gpu.lost})`);
}

/**
 * A compute pipeline, compiled at its first use on a device.
 *
 * @param gpu The device.
 * @param label The kernel's name, also of its WGSL.
 * @param code The WGSL.
 * @param entryPoint Its function.
 * @param constants Values of its overrides.
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
 * @param gpu The device.
 * @param encoder Where to record.
 * @param compiled What to run.
 * @param buffers By binding number, those of group 0.
 * @param workgroups Number along x, y and z.
 * @throws {RangeError} If there are more workgroups along an axis than the device takes.
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

/**
 * A storage buffer, which may be copied from and to.
 *
 * @param gpu The device.
 * @param label What it holds.
 * @param content Its bytes, or how many, which are then all 0.
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
    // Bindings are at least one element, and sizes whole words.
    size: Math.max(Math.ceil(bytes / 4) * 4, 16),
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  gpu.device.popErrorScope().then((error) => {
    if (!error) return;
    const reason = `it needs ${bytes} bytes, and the GPU is out of memory`;
    gpu.failures.push(new RangeError(`Cannot hold ${label} on the GPU: ${reason}`));
  }, () => {});
  // Deno 2.9 panics where there is nothing to write.
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
  /** What to read. */
  readonly buffer: GPUBuffer;
  /** Number of bytes, a multiple of 4. */
  readonly bytes: number;
  /**
   * Bytes before the first of them, a multiple of 4.
   * @default 0
   */
  readonly from?: number;
}

/**
 * Submits what was recorded and reads buffers back, all in one mapping: each
 * costs about 11 ms in Deno, whatever its size.
 *
 * @param gpu The device.
 * @param encoder What was recorded; finished here.
 * @param ranges What to read.
 * @returns One copy a range.
 * @throws {RangeError} If they are more than the device's largest buffer holds.
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
