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
 * Runs the stages image by image. An image under way when the GPU is lost is
 * begun again on a new device, and if that is lost too on the CPU, where the
 * run then stays; its samples say so in their notes.
 *
 * @param source Images, as long as they are on the CPU.
 * @param model The model, moved to another runtime where it ran on the lost GPU.
 * @param gpu Where heatmaps are made.
 * @param stages From images to scores, on a GPU or none.
 * @param onNotice Told where the run goes on.
 */
export async function* survivingLoss(
  source: AsyncIterable<Flow<DecodedImage>>,
  model: LdmModel,
  gpu: Gpu | undefined,
  stages: (
    images: AsyncIterable<Flow<DecodedImage>>,
    gpu: Gpu | undefined,
  ) => AsyncIterable<Flow<ScoredPhrase>>,
  onNotice: ((notice: string) => void) | undefined,
): AsyncIterableIterator<Flow<ScoredPhrase>> {
  for await (const flow of source) {
    if (flow.kind === "dropped") {
      yield flow;
      continue;
    }
    let image = flow.item;
    let results: Flow<ScoredPhrase>[] | undefined;
    for (let losses = 0; !results;) {
      try {
        results = await Array.fromAsync(stages(only(image), gpu));
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error;
        losses++;
        gpu = await reopen(model, losses === 1);
        const where = gpu ? `on a new device of ${gpu.adapter.name}` : "on the CPU";
        const note = `the GPU was lost; grounded again ${where}`;
        onNotice?.(`${error.message}; going on ${where}.`);
        const samples = image.samples.map((sample) => ({
          ...sample,
          notes: [...sample.notes ?? [], note],
        }));
        image = { ...image, samples };
      }
    }
    yield* results;
  }
}

async function* only(image: DecodedImage): AsyncIterableIterator<Flow<DecodedImage>> {
  yield await Promise.resolve(item(image));
}

/** A new device with the model on it if it was on the old one; none if that fails. */
async function reopen(model: LdmModel, tryGpu: boolean): Promise<Gpu | undefined> {
  const wasOnGpu = model.runtime.gpu !== undefined;
  if (tryGpu) {
    try {
      const gpu = await openGpu();
      if (gpu && wasOnGpu) await model.move(await openWebgpu(gpu, "the GPU was lost"));
      if (gpu) return gpu;
    } catch {
      // What a new device cannot do, the CPU can.
    }
  }
  if (wasOnGpu) await model.move(await openRuntime("auto", "cpu"));
  return undefined;
}
