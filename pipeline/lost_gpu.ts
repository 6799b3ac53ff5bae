/**
 * What happens when the GPU is lost on the way.
 *
 * @module
 */

import type { LdmModel } from "../models/ldm/model.ts";
import { openRuntime } from "../models/runtime/open_runtime.ts";
import { openWebgpu } from "../models/runtime/webgpu.ts";
import { DeviceLostError, type Gpu, openGpu } from "../shaders/device.ts";
import type { DecodedImage } from "./decode.ts";
import { type Flow, item } from "./flow.ts";
import type { ScoredPhrase } from "./metrics.ts";

/**
 * Runs the stages. An image under way when the GPU is lost is begun again on a
 * new device, and if that is lost too on the CPU, where the run then stays; its
 * samples say so in their notes.
 *
 * @param source Images, as long as they are on the CPU.
 * @param model The model, moved to another runtime where it ran on the lost GPU.
 * @param gpu Where heatmaps are made.
 * @param stages From images to scores, on a GPU or none. They pull an image
 * once they have given all results of the one before, and give none before they
 * are done with the GPU.
 * @param onNotice Told where the run goes on.
 */
export async function* survivingLoss(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  gpu: Gpu,
  stages: (
    images: AsyncIterable<Flow<DecodedImage>>,
    gpu: Gpu | undefined,
  ) => AsyncIterable<Flow<ScoredPhrase>>,
  onNotice: ((notice: string) => void) | undefined,
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  const images = source[Symbol.asyncIterator]();
  let current: Flow<DecodedImage> | undefined;
  let losses = 0;
  /** The images from the one under way on. */
  const remaining = async function* (): AsyncIterableIterator<Flow<DecodedImage>> {
    if (current) yield current;
    for (let next = await images.next(); !next.done; next = await images.next()) {
      current = next.value;
      losses = 0;
      yield current;
    }
  };
  let place: Gpu | undefined = gpu;
  try {
    for (let isDone = false; !isDone;) {
      try {
        yield* stages(remaining(), place);
        isDone = true;
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error;
        losses++;
        if (place !== gpu) place?.destroy();
        place = await reopen(model, losses === 1);
        const where = place ? `on a new device of ${place.adapter.name}` : "on the CPU";
        onNotice?.(`${error.message}; continuing ${where}.`);
        if (current) current = noted(current, `the GPU was lost; grounded again ${where}`);
      }
    }
  } finally {
    await images.return?.();
    // The model stays its caller's, with the device that it moved to.
    if (place !== gpu && place !== model.runtime.gpu) place?.destroy();
  }
}

/** An image whose samples have one note more. */
function noted(flow: Flow<DecodedImage>, note: string): Flow<DecodedImage> {
  if (flow.kind === "dropped") return flow;
  const samples = flow.item.samples.map((sample) => ({
    ...sample,
    notes: [...sample.notes ?? [], note],
  }));
  return item({ ...flow.item, samples });
}

/** A new device with the model on it if it was on the old one; none if that fails. */
async function reopen(model: LdmModel, tryGpu: boolean): Promise<Gpu | undefined> {
  const wasOnGpu = model.runtime.gpu !== undefined;
  const gpu = tryGpu ? await openGpu().catch(() => undefined) : undefined;
  if (gpu) {
    try {
      if (wasOnGpu) await model.move(await openWebgpu(gpu, "the GPU was lost"));
      return gpu;
    } catch {
      // What a new device cannot do, the CPU can.
      gpu.destroy();
    }
  }
  if (wasOnGpu) await model.move(await openRuntime("auto", "cpu"));
  return undefined;
}
