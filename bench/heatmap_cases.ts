/**
 * The whole post-processing: attention maps to masked heatmaps, over sizes,
 * steps and phrases.
 *
 * @module
 */

import { GpuHeatmaps } from "../pipeline/heatmaps_gpu.ts";
import { postprocess } from "../pipeline/postprocess.ts";
import type { Gpu } from "../shaders/device.ts";
import { GpuTimer } from "../shaders/gpu_timer.ts";
import type { Case, Group, HeatmapShape, Outcome, ShaderRun } from "./cases.ts";
import {
  type Inputs,
  LAYERS,
  layersOf,
  POSITIONS,
  RANGE,
  SIGMA,
  SIZE,
  STEPS,
  TOKENS,
} from "./inputs.ts";
import { peersOf } from "./kernel_cases.ts";

/** The paper's: one phrase. */
export const PAPER: HeatmapShape = { size: SIZE, steps: STEPS, phrases: 1 };

/** What is varied, one at a time. */
export interface Sweeps {
  /** Sides in pixels. */
  readonly sizes: readonly number[];
  /** Numbers of steps. */
  readonly steps: readonly number[];
  /** Numbers of phrases. */
  readonly phrases: readonly number[];
}

/** What a full run varies. */
export const FULL: Sweeps = {
  sizes: [256, 384, 512, 768, 1024],
  steps: [1, 10, 60, 180, 334],
  phrases: [1, 4, 16, 64],
};

/** What a quick look varies. */
export const QUICK: Sweeps = { sizes: [256, 512], steps: [1, 60], phrases: [1, 4] };

/** One case a point of the sweeps. */
export function heatmapCases(
  inputs: Inputs,
  { sizes, steps, phrases }: Sweeps,
  gpu: Gpu | undefined,
  maps: GPUBuffer | undefined,
): Case[] {
  const make = (group: Group, name: string, changed: Partial<HeatmapShape>) =>
    heatmapCase(inputs, group, name, { ...PAPER, ...changed }, gpu, maps);
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return [
    ...sizes.map((size) => make("heatmap size", `${size} x ${size}`, { size })),
    ...steps.map((steps) => make("steps", count(steps, "step"), { steps })),
    ...phrases.map((phrases) => make("phrases", count(phrases, "phrase"), { phrases })),
  ];
}

function heatmapCase(
  inputs: Inputs,
  group: Group,
  name: string,
  shape: HeatmapShape,
  gpu: Gpu | undefined,
  maps: GPUBuffer | undefined,
): Case {
  const { size, steps, phrases } = shape;
  const layers = layersOf(inputs, steps);
  const [tokenStart, tokenEnd] = RANGE;
  const settings = { tokens: RANGE, size, sigma: SIGMA };
  const { released, best } = peersOf("postprocess", { layers: "maps" }, settings, steps);
  return {
    group,
    name,
    shape,
    typescript() {
      let outcome: Outcome = {};
      for (let phrase = 0; phrase < phrases; phrase++) {
        const result = postprocess({ layers, tokenStart, tokenEnd, size, sigma: SIGMA });
        const { normalised: map, heatmap: masked, threshold } = result;
        outcome = { map, masked, threshold: threshold! };
      }
      return outcome;
    },
    ...(gpu && { shaders: () => new HeatmapRun(gpu, maps!, shape) }),
    peers: {
      // It takes one phrase at a time: as many times as long for many.
      ...(released && phrases === 1 && { released }),
      ...(best && { best: { ...best, repeat: phrases } }),
    },
    parts: ["map", "masked", "threshold"],
  };
}

/** Heatmaps of the phrases of one image, with attention that is on the GPU already. */
export class HeatmapRun implements ShaderRun {
  readonly gpuMilliseconds?: () => Promise<number>;
  #maps: GPUBuffer;
  #shape: HeatmapShape;
  #heatmaps: GpuHeatmaps;
  #owned: { destroy(): void }[];

  /**
   * @param maps `[steps, layers, positions, tokens]`, which every phrase takes.
   */
  constructor(gpu: Gpu, maps: GPUBuffer, shape: HeatmapShape) {
    this.#maps = maps;
    this.#shape = shape;
    const options = { size: shape.size, sigma: SIGMA, otsu: true };
    const heatmaps = this.#heatmaps = new GpuHeatmaps(gpu, options);
    this.#owned = [heatmaps];
    if (!GpuTimer.isOffered(gpu)) return;
    // One piece of work a phrase and one a batch of them.
    const timer = new GpuTimer(gpu, { capacity: 2 * shape.phrases });
    const timed = new GpuHeatmaps(gpu, { ...options, timer });
    this.#owned.push(timed, timer);
    this.gpuMilliseconds = async () => {
      await this.#make(timed);
      return (await timer.read()).reduce((sum, milliseconds) => sum + milliseconds, 0);
    };
  }

  async run(): Promise<Outcome> {
    return await this.#make(this.#heatmaps);
  }

  async #make(heatmaps: GpuHeatmaps): Promise<Outcome> {
    const { phrases, steps } = this.#shape;
    const group = { layers: LAYERS, positions: POSITIONS, tokens: TOKENS };
    heatmaps.begin([group], Array.from({ length: phrases }, () => ({ range: RANGE })));
    for (let phrase = 0; phrase < phrases; phrase++) heatmaps.add([this.#maps], phrase, steps);
    const last = (await heatmaps.finish()).at(-1)!;
    if ("error" in last) throw last.error;
    return { map: last.normalised, masked: last.heatmap, threshold: last.threshold! };
  }

  destroy(): void {
    for (const owned of this.#owned) owned.destroy();
  }
}
