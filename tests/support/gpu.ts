import {
  checked,
  type Gpu,
  NO_ADAPTER,
  openGpu,
  storage,
  submitAndRead,
} from "../../shaders/device.ts";

let opened: Promise<Gpu> | undefined;

/**
 * Returns the GPU that all tests of a file share. Without a GPU the tests fail; they are not
 * skipped.
 */
export function testGpu(): Promise<Gpu> {
  return opened ??= openGpu().then((gpu) => {
    if (!gpu) throw new Error(`Cannot test shaders: ${NO_ADAPTER}`);
    return gpu;
  });
}

/**
 * Returns a device with WebGPU's default limits, which may claim lower limits.
 *
 * @param limits Limits that the device claims; its real limits stay unchanged.
 */
export async function limitedGpu(limits: Partial<GPUSupportedLimits> = {}): Promise<Gpu> {
  const adapter = (await navigator.gpu.requestAdapter())!;
  const device = await adapter.requestDevice();
  const names = Object.keys(Object.getOwnPropertyDescriptors(GPUSupportedLimits.prototype));
  const own = Object.fromEntries(
    names.map((name) => [name, device.limits[name as keyof GPUSupportedLimits]]),
  );
  Object.defineProperty(device, "limits", { value: { ...own, ...limits } });
  return {
    device,
    adapter: { name: "a small GPU", isHardware: false, hasFloat16: false },
    pipelines: new Map(),
    modules: new Map(),
    failures: [],
    lost: undefined,
    destroy: () => device.destroy(),
  };
}

/**
 * Uploads `input`, runs the commands of `record`, and reads back the result and the buffers in
 * `more`.
 */
export async function runKernel(
  input: Float32Array | Uint8Array,
  resultLength: number,
  record: (encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer) => void,
  more: readonly { buffer: GPUBuffer; bytes: number }[] = [],
): Promise<{ result: Float32Array; words: Uint32Array[] }> {
  const gpu = await testGpu();
  const source = storage(gpu, "test input", input);
  const result = storage(gpu, "test result", resultLength * 4);
  try {
    return await checked(gpu, "run a kernel", async () => {
      const encoder = gpu.device.createCommandEncoder({ label: "test" });
      record(encoder, source, result);
      const ranges = [{ buffer: result, bytes: resultLength * 4 }, ...more];
      const [first, ...rest] = await submitAndRead(gpu, encoder, ranges);
      return {
        result: new Float32Array(first!),
        words: rest.map((bytes) => new Uint32Array(bytes)),
      };
    });
  } finally {
    source.destroy();
    result.destroy();
  }
}

/** Largest absolute difference. Throws if the lengths differ or a value is NaN. */
export function furthest(one: Float32Array, other: Float32Array): number {
  if (one.length !== other.length) throw new Error(`${one.length} values against ${other.length}`);
  let most = 0;
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!);
    if (Number.isNaN(difference)) throw new Error(`NaN at ${i}: ${one[i]} against ${other[i]}`);
    most = Math.max(most, difference);
  }
  return most;
}

/**
 * Sizes that a kernel must handle: one pixel, odd sides, the model's own, a large rectangle.
 */
export const SIZES = [[1, 1], [17, 31], [512, 512], [1000, 700]] as const;

/**
 * Maps that are hard to process: noise, a smooth hill, noise around 0, constants, one hot pixel.
 */
export function hardMaps(width: number, height: number): Record<string, Float32Array> {
  const length = width * height;
  let state = 12345;
  const noise = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const hot = new Float32Array(length);
  hot[Math.floor(length * 0.37)] = 1;
  return {
    noise: Float32Array.from({ length }, noise),
    smooth: Float32Array.from(
      { length },
      (_, i) => Math.exp(-(((i % width) / width - 0.3) ** 2 + (i / length - 0.6) ** 2) * 9),
    ),
    negative: Float32Array.from({ length }, () => noise() - 0.5),
    constant: new Float32Array(length).fill(0.625),
    zero: new Float32Array(length),
    hot,
  };
}
