import { type Gpu, storage } from "../shaders/device.ts";
import { Resize } from "../shaders/resize.ts";
import { cropTaps, preprocess } from "./preprocess.ts";
import type { GrayImage } from "../base/geometry.ts";

/**
 * Does the work of `preprocess` on the GPU: uploads the image as bytes and leaves the result there.
 * An image larger than the device's largest storage binding is resized on the CPU.
 *
 * @param gray The image's first channel.
 * @param size Side of the result in pixels, 1..8192.
 * @returns Buffer `[size, size]` of float32 in 0..1, which the caller destroys.
 * @throws {RangeError} For the same reasons as `preprocess`.
 */
export function preprocessOnGpu(gpu: Gpu, gray: GrayImage, size: number): GPUBuffer {
  const taps = cropTaps(gray, size);
  if (gray.data.byteLength > gpu.device.limits.maxStorageBufferBindingSize) {
    return storage(gpu, "model input", preprocess(gray, size));
  }
  const { buffer, byteOffset, byteLength } = gray.data;
  const pixels = storage(gpu, "image", new Uint8Array(buffer, byteOffset, byteLength));
  const result = storage(gpu, "model input", 4 * size * size);
  const resize = new Resize(gpu, gray, { width: size, height: size }, taps);
  const encoder = gpu.device.createCommandEncoder({ label: "preprocess" });
  resize.recordGray(encoder, pixels, result);
  gpu.device.queue.submit([encoder.finish()]);
  pixels.destroy();
  resize.destroy();
  return result;
}
