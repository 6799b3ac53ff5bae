/**
 * Cases of single kernels, at the paper's sizes.
 *
 * @module
 */

import { cropTaps, preprocess } from "../../images/preprocess.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { preprocessOnGpu } from "../../images/preprocess_gpu.ts";
import { scoreHeatmap, type Scores, scoreStatistics } from "../../scoring/score_heatmap.ts";
import { normalize01 } from "../../shaders/aggregate_cpu.ts";
import { AttentionSums } from "../../shaders/aggregate.ts";
import { type Gpu, storage, submitAndRead } from "../../shaders/device.ts";
import { gaussianBlur } from "../../shaders/gaussian_cpu.ts";
import { Gaussian } from "../../shaders/gaussian.ts";
import { GridSums } from "../../shaders/metrics.ts";
import { applyThreshold, otsuThreshold } from "../../shaders/otsu_cpu.ts";
import { Otsu } from "../../shaders/otsu.ts";
import { resizeBilinear } from "../../shaders/resize_cpu.ts";
import { Resize } from "../../shaders/resize.ts";
import { applyBands, smoothResizeBand } from "../../shaders/separable_cpu.ts";
import { Separable } from "../../shaders/separable.ts";
import type { Case, ShaderRun } from "./cases.ts";
import {
  BOXES,
  type Inputs,
  LAYERS,
  layersOf,
  type Place,
  POSITIONS,
  RANGE,
  SIDE,
  SIGMA,
  SIZE,
  STEPS,
  TOKENS,
} from "./inputs.ts";
import { kernelRun, type Recording } from "./kernel_run.ts";
import type { Peers } from "./peers.ts";
import { makeStages, meanOf, type Stages } from "./stages.ts";

/** Size of an attention map and of the heatmap. */
const FROM = { width: SIDE, height: SIDE };
const TO = { width: SIZE, height: SIZE };

/** The kernels; each starts from the result of the kernel before. */
export class Kernels {
  #inputs: Inputs;
  #stages: Stages;

  /** @param inputs Input of the first kernel. */
  constructor(inputs: Inputs) {
    this.#inputs = inputs;
    this.#stages = makeStages(inputs);
  }

  /**
   * Returns one case for each kernel.
   *
   * @param place Device of the shaders; without it the cases have no shaders.
   */
  cases(place: Place | undefined): Case[] {
    const { image } = this.#inputs;
    const { mean, resized, smoothed, scaled, masked } = this.#stages;
    const layers = layersOf(this.#inputs, STEPS);
    const band = smoothResizeBand(SIDE, SIZE, SIGMA);
    const length = SIZE * SIZE;
    const shaders = (make: (gpu: Gpu) => ShaderRun) => place && { shaders: () => make(place.gpu) };
    const toMap = (source: Float32Array, make: (gpu: Gpu) => Recording) =>
      shaders((gpu) => kernelRun(gpu, make(gpu), { source, length }));
    const common = { group: "kernels", parts: ["map"] } as const;
    const ofMean = (kernel: string, settings: Record<string, unknown>): Case["peers"] => ({
      released: {
        run: `released.${kernel}`,
        arguments: { scaled_maps: "scaled maps" },
        settings,
      },
      best: { run: `best.${kernel}`, arguments: { mean: "mean" }, settings },
    });
    return [
      {
        ...common,
        name: "aggregate",
        typescript: () => ({ map: meanOf(layers) }),
        ...shaders((gpu) => aggregateRun(gpu, place!.maps)),
        peers: peersOf("aggregate", { layers: "maps" }, { tokens: RANGE }, STEPS),
      },
      {
        ...common,
        name: "resize",
        typescript: () => ({ map: resizeBilinear(mean, FROM, TO) }),
        ...toMap(mean, (gpu) => new Resize(gpu, FROM, TO)),
        peers: ofMean("resize", { size: SIZE }),
      },
      {
        ...common,
        name: "gaussian",
        typescript: () => ({ map: gaussianBlur(resized, SIZE, SIZE, SIGMA) }),
        ...toMap(resized, (gpu) => new Gaussian(gpu, TO, SIGMA)),
        peers: peersOf("gaussian", { heatmap: "resized" }, { sigma: SIGMA }),
      },
      {
        ...common,
        name: "resize and gaussian",
        typescript: () => ({ map: applyBands(mean, band, band) }),
        ...toMap(mean, (gpu) => new Separable(gpu, band, band)),
        peers: ofMean("smooth", { size: SIZE, sigma: SIGMA }),
      },
      {
        ...common,
        name: "scale to 0..1",
        typescript: () => ({ map: normalize01(smoothed) }),
        ...toMap(smoothed, (gpu) => {
          const otsu = new Otsu(gpu, TO);
          return {
            record: (...buffers) => otsu.recordScaling(...buffers),
            destroy: () => otsu.destroy(),
          };
        }),
        peers: peersOf("scale", { heatmap: "smoothed" }, {}),
      },
      {
        ...common,
        name: "otsu and mask",
        typescript: () => {
          const threshold = otsuThreshold(scaled);
          return { masked: applyThreshold(scaled, threshold), threshold };
        },
        ...shaders((gpu) => otsuRun(gpu, scaled)),
        peers: peersOf("otsu", { heatmap: "scaled" }, {}),
        parts: ["masked", "threshold"],
      },
      {
        ...common,
        name: "grey image",
        typescript: () => ({ map: preprocess(image, SIZE) }),
        ...shaders((gpu) => grayRun(gpu, image)),
        peers: peersOf("grey", { pixels: "image" }, { size: SIZE }),
      },
      {
        ...common,
        name: "scores",
        typescript: () => ({ scores: scoreList(scoreHeatmap(masked, image, BOXES)) }),
        ...shaders((gpu) => scoresRun(gpu, masked, image)),
        peers: peersOf("scores", { heatmap: "masked" }, {
          width: image.width,
          height: image.height,
          boxes: BOXES,
        }),
        parts: ["scores"],
      },
    ];
  }

  /** Sends the peers the maps that the later kernels start from. */
  async put(peers: Peers): Promise<void> {
    const { scaledMaps, mean, ...maps } = this.#stages;
    await peers.put("scaled maps", scaledMaps, [LAYERS, STEPS, SIDE, SIDE]);
    await peers.put("mean", mean, [SIDE, SIDE]);
    for (const [name, map] of Object.entries(maps)) await peers.put(name, map, [SIZE, SIZE]);
  }
}

function aggregateRun(gpu: Gpu, maps: GPUBuffer): ShaderRun {
  const sums = new AttentionSums(gpu, {
    phrases: 1,
    layers: LAYERS,
    positions: POSITIONS,
    tokens: TOKENS,
    ranges: [RANGE],
  });
  const kernel: Recording = {
    // Repeated runs add the same maps again, which leaves the mean unchanged.
    record(encoder) {
      sums.add(encoder, maps, 0, STEPS);
      sums.average(encoder);
    },
    destroy: () => sums.destroy(),
  };
  return kernelRun(gpu, kernel, {
    source: new Float32Array(1),
    length: 0,
    more: [{ buffer: sums.means, bytes: 4 * POSITIONS }],
    toOutcome: ([, map]) => ({ map: new Float32Array(map!) }),
  });
}

function otsuRun(gpu: Gpu, source: Float32Array): ShaderRun {
  const otsu = new Otsu(gpu, TO);
  return kernelRun(gpu, otsu, {
    source,
    length: source.length,
    more: [{ buffer: otsu.states, bytes: otsu.stateBytes }],
    toOutcome: ([map, words]) => ({
      masked: new Float32Array(map!),
      threshold: otsu.readState(new Uint32Array(words!), 0).threshold,
    }),
  });
}

function grayRun(gpu: Gpu, image: GrayImage): ShaderRun {
  const resize = new Resize(gpu, image, TO, cropTaps(image, SIZE));
  const kernel: Recording = {
    record: (...buffers) => resize.recordGray(...buffers),
    destroy: () => resize.destroy(),
  };
  const length = SIZE * SIZE;
  return {
    ...kernelRun(gpu, kernel, { source: image.data as Uint8Array, length }),
    // Upload the image in every run, because in practice each image is new.
    async run() {
      const buffer = preprocessOnGpu(gpu, image, SIZE);
      const encoder = gpu.device.createCommandEncoder({ label: "read grey image" });
      const [map] = await submitAndRead(gpu, encoder, [{ buffer, bytes: 4 * length }]);
      buffer.destroy();
      return { map: new Float32Array(map!) };
    },
  };
}

function scoresRun(gpu: Gpu, source: Float32Array, image: GrayImage): ShaderRun {
  const heatmap = storage(gpu, "heatmap", source);
  const make = () => new GridSums(gpu, SIZE, [{ image, boxes: BOXES }]);
  const timed = make();
  const kernel: Recording = {
    record: (encoder) => timed.record(encoder, heatmap),
    destroy() {
      timed.destroy();
      heatmap.destroy();
    },
  };
  return {
    ...kernelRun(gpu, kernel, { source: new Float32Array(1), length: 0 }),
    // Make the sums in every run, because in practice each heatmap has its own image and boxes.
    async run() {
      const grid = make();
      const encoder = gpu.device.createCommandEncoder({ label: "scores" });
      grid.record(encoder, heatmap);
      const range = { buffer: grid.sums, bytes: grid.sumBytes };
      const [words] = await submitAndRead(gpu, encoder, [range]);
      const statistics = grid.read(new Uint32Array(words!), 0);
      grid.destroy();
      return { scores: scoreList(scoreStatistics(statistics)) };
    },
  };
}

/** Returns requests of the same form to both peers. */
export function peersOf(
  kernel: string,
  names: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>>,
  steps?: number,
): Case["peers"] {
  const request = { arguments: names, settings, ...(steps !== undefined && { steps }) };
  return {
    released: { run: `released.${kernel}`, ...request },
    best: { run: `best.${kernel}`, ...request },
  };
}

/** Lists scores in the order of the peers' answer. */
export function scoreList({ absCnr, cnr, miou, aucRoc }: Scores): number[] {
  return [absCnr, cnr, miou, aucRoc];
}
