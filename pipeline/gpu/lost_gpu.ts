import type { LdmModel } from "../../models/ldm/model.ts";
import { openRuntime, requireGpu } from "../../models/runtime/open_runtime.ts";
import { DeviceLostError, type Gpu } from "../../shaders/device.ts";
import type { DecodedImage } from "../decode.ts";
import { type Flow, item, withNotes } from "../flow.ts";

/**
 * Runs the stages, and continues after the loss of a GPU. The current image restarts on a new
 * device. If the image loses that device too, or no device opens, the run moves to the CPU and
 * stays there. A note on each of the image's samples names the new device or the CPU.
 *
 * @param source Images, as long as they are in CPU memory.
 * @param model The model. If it ran on the lost GPU, it moves to another runtime.
 * @param gpu GPU that makes the heatmaps; `undefined` if the CPU makes them.
 * @param stages Function from images to scores, on a GPU or on the CPU. An image's GPU
 * work must end before its first result, so that a restart repeats no result. All results of an
 * image must come before the function pulls the next image.
 * @param onNotice Receives one sentence with the error and the place where the run continues.
 */
export async function* retryOnDeviceLoss<T>(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  gpu: Gpu | undefined,
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
  const wasOnGpu = model.runtime.reopen !== undefined;
  try {
    for (let isDone = false; !isDone;) {
      try {
        yield* stages(remaining(), device);
        isDone = true;
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error;
        losses++;
        if (device !== gpu) device?.destroy();
        const again = losses === 1
          ? await reopen(model, gpu !== undefined).catch(() => undefined)
          : undefined;
        if (!again && wasOnGpu) await model.move(() => openRuntime("auto", "cpu"));
        device = again?.device;
        const where = again ? `on a new device of ${again.adapter}` : "on the CPU";
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

/**
 * Takes each image through stages of its own, and yields its results together: after the loss of a
 * GPU an image starts again, so none of its results may be out before.
 */
export async function* imageByImage<T>(
  source: AsyncIterable<Flow<DecodedImage>>,
  stages: (image: AsyncIterable<Flow<DecodedImage>>) => AsyncIterable<T>,
): AsyncIterableIterator<T> {
  for await (const flow of source) {
    const image = async function* () {
      yield await Promise.resolve(flow);
    };
    yield* await Array.fromAsync(stages(image()));
  }
}

/** The image with one more note on each sample. */
function noted(flow: Flow<DecodedImage>, note: string): Flow<DecodedImage> {
  if (flow.kind === "dropped") return flow;
  const samples = flow.item.samples.map((sample) => withNotes(sample, [note]));
  return item({ ...flow.item, samples });
}

/**
 * Opens the GPU again. A model that ran on it moves along.
 *
 * @param makesHeatmaps Whether a GPU makes the heatmaps.
 * @throws {Error} If the GPU does not open or does not hold the model, which then runs nowhere.
 */
async function reopen(
  model: LdmModel,
  makesHeatmaps: boolean,
): Promise<{ adapter: string; device: Gpu | undefined }> {
  const open = model.runtime.reopen;
  if (open) await model.move(open);
  const device = model.runtime.gpu ??
    (makesHeatmaps || !open ? await requireGpu("make heatmaps") : undefined);
  return { adapter: model.runtime.adapter ?? device!.adapter.name, device };
}
