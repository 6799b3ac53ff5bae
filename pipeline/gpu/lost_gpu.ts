/**
 * Recovery from the loss of a GPU.
 *
 * @module
 */

import type { LdmModel } from "../../models/ldm/model.ts";
import { openRuntime } from "../../models/runtime/open_runtime.ts";
import { openWebgpu } from "../../models/runtime/webgpu.ts";
import { DeviceLostError, type Gpu, openGpu } from "../../shaders/device.ts";
import type { DecodedImage } from "../decode.ts";
import { type Flow, item, withNotes } from "../flow.ts";

/**
 * Runs the stages, and continues after the loss of a GPU. The current image restarts on a new
 * device. If the image loses that device too, or no device opens, the run moves to the CPU and
 * stays there. A note on each of the image's samples names the new device or the CPU.
 *
 * @param source Images, as long as they are in CPU memory.
 * @param model The model. If it ran on the lost GPU, it moves to another runtime.
 * @param gpu GPU that makes the heatmaps.
 * @param stages Function from images to scores, on a GPU or on the CPU. An image's GPU
 * work must end before its first result, so that a restart repeats no result. All results of an
 * image must come before the function pulls the next image.
 * @param onNotice Receives one sentence with the error and the place where the run continues.
 */
export async function* retryOnDeviceLoss<T>(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  gpu: Gpu,
  stages: (
    images: AsyncIterable<Flow<DecodedImage>>,
    gpu: Gpu | undefined,
  ) => AsyncIterable<Flow<T>>,
  onNotice: ((notice: string) => void) | undefined,
): AsyncIterableIterator<Flow<T>> {
  const images = source[Symbol.asyncIterator]();
  let current: Flow<DecodedImage> | undefined;
  let losses = 0;
  /** The current image and all later images. */
  const remaining = async function* (): AsyncIterableIterator<Flow<DecodedImage>> {
    if (current) yield current;
    for (let next = await images.next(); !next.done; next = await images.next()) {
      current = next.value;
      losses = 0;
      yield current;
    }
  };
  let device: Gpu | undefined = gpu;
  try {
    for (let isDone = false; !isDone;) {
      try {
        yield* stages(remaining(), device);
        isDone = true;
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error;
        losses++;
        if (device !== gpu) device?.destroy();
        device = await reopen(model, losses === 1);
        const where = device ? `on a new device of ${device.adapter.name}` : "on the CPU";
        onNotice?.(`${error.message}; continuing ${where}.`);
        if (current) current = noted(current, `the GPU was lost; grounded again ${where}`);
      }
    }
  } finally {
    await images.return?.();
    // The caller owns the model, and so the device to which the model moved.
    if (device !== gpu && device !== model.runtime.gpu) device?.destroy();
  }
}

/** The image with one more note on each sample. */
function noted(flow: Flow<DecodedImage>, note: string): Flow<DecodedImage> {
  if (flow.kind === "dropped") return flow;
  const samples = flow.item.samples.map((sample) => withNotes(sample, [note]));
  return item({ ...flow.item, samples });
}

/**
 * Opens a new device, or returns `undefined`. A model that ran on the lost device moves to the new
 * device or to the CPU.
 */
async function reopen(model: LdmModel, tryGpu: boolean): Promise<Gpu | undefined> {
  const wasOnGpu = model.runtime.gpu !== undefined;
  const gpu = tryGpu ? await openGpu().catch(() => undefined) : undefined;
  if (gpu) {
    try {
      if (wasOnGpu) await model.move(await openWebgpu(gpu, "the GPU was lost"));
      return gpu;
    } catch {
      // The model moves to the CPU if it fails on the new device.
      gpu.destroy();
    }
  }
  if (wasOnGpu) await model.move(await openRuntime("auto", "cpu"));
  return undefined;
}
