/**
 * Running mean of a phrase's attention, on the GPU or the processor.
 *
 * @module
 */

import { mapsOf } from "../pipeline/aggregate.ts";
import type { AttentionStep } from "../pipeline/denoise.ts";
import type { AveragedLayer } from "../pipeline/postprocess.ts";
import { AttentionSums } from "../shaders/aggregate.ts";
import { AttentionAccumulator } from "../shaders/aggregate_cpu.ts";
import { checked, type Gpu, storage, submitAndRead } from "../shaders/device.ts";

/** Sums of one phrase's attention maps, kept on the device of the maps. */
export interface RunningMean {
  /** Adds the maps of one or more steps. */
  add(step: AttentionStep): void;
  /**
   * Gives each layer's mean so far, in forward order, at the layer's own size.
   *
   * @throws {RangeError} If maps on a GPU hold values that are not finite.
   */
  read(): Promise<AveragedLayer[]>;
  /** Frees the memory of the sums. */
  destroy(): void;
}

/**
 * Starts the running mean of one phrase.
 *
 * @param gpu The model's GPU; `undefined` if the model runs on the processor.
 */
export function runningMean(gpu: Gpu | undefined): RunningMean {
  return gpu ? onGpu(gpu) : onCpu();
}

function onCpu(): RunningMean {
  const sums = new Map<number, AttentionAccumulator>();
  return {
    add(step) {
      for (const { layer, add, positions } of mapsOf(step)) {
        const sum = sums.get(layer) ?? new AttentionAccumulator(positions);
        sums.set(layer, sum);
        add(sum);
      }
    },
    read: () =>
      Promise.resolve(inOrder(
        [...sums].map(([layer, sum]) => ({ layer, side: sum.side, data: sum.mean() })),
      )),
    destroy() {},
  };
}

function onGpu(gpu: Gpu): RunningMean {
  let groups: { layers: readonly number[]; sums: AttentionSums }[] = [];
  return {
    add({ maps, ranges, index, count }) {
      if (groups.length === 0) {
        groups = maps.map(({ layers, positions, tokens }) => ({
          layers,
          sums: new AttentionSums(gpu, {
            phrases: 1,
            layers: layers.length,
            positions,
            tokens,
            ranges: [ranges[index]!],
          }),
        }));
      }
      const encoder = gpu.device.createCommandEncoder({ label: "running mean" });
      const uploads: GPUBuffer[] = [];
      groups.forEach(({ sums }, i) => {
        const { data } = maps[i]!;
        const isUpload = data instanceof Float32Array;
        const buffer = isUpload ? storage(gpu, "attention maps", data) : data;
        if (isUpload) uploads.push(buffer);
        sums.add(encoder, buffer, 0, count);
      });
      gpu.device.queue.submit([encoder.finish()]);
      for (const buffer of uploads) buffer.destroy();
    },
    async read() {
      const encoder = gpu.device.createCommandEncoder({ label: "running mean" });
      const ranges = groups.flatMap(({ sums }) => [
        sums.sumsOf(0, 1),
        { buffer: sums.states, bytes: sums.stateBytes },
      ]);
      const read = await checked(
        gpu,
        "read attention back",
        () => submitAndRead(gpu, encoder, ranges),
      );
      return inOrder(groups.flatMap(({ layers, sums }, i) => {
        const states = new Uint32Array(read[2 * i + 1]!);
        if (sums.readStates(states, 0).brokenMaps > 0) {
          throw new RangeError("Cannot average attention: it holds values that are not finite");
        }
        const means = sums.readMeans(new Float32Array(read[2 * i]!), states, 0);
        return means.map((data, j) => ({ layer: layers[j]!, side: sums.side, data }));
      }));
    },
    destroy() {
      for (const { sums } of groups) sums.destroy();
      groups = [];
    },
  };
}

function inOrder(layers: AveragedLayer[]): AveragedLayer[] {
  return layers.sort((one, other) => one.layer - other.layer);
}
