/**
 * Cases of the whole post-processing, from attention maps to masked heatmaps, over sizes, steps and
 * phrases.
 *
 * @module
 */

import { GpuHeatmaps } from "../../pipeline/gpu/heatmaps_gpu.ts";
import { postprocess } from "../../pipeline/postprocess.ts";
import { scoreHeatmap } from "../../scoring/score_heatmap.ts";
import { GpuTimer } from "../../shaders/gpu_timer.ts";
import type { Size } from "../../base/geometry.ts";
import type { Case, Group, HeatmapShape, Outcome, ShaderRun } from "./cases.ts";
import {
  BOXES,
  type Inputs,
  LAYERS,
  layersOf,
  type Place,
  POSITIONS,
  RANGE,
  SIGMA,
  SIZE,
  STEPS,
  TOKENS,
} from "./inputs.ts";
import { peersOf, scoreList } from "./kernel_cases.ts";

/** The paper's request: one phrase at 512 x 512, 60 steps. */
export const PAPER: HeatmapShape = { size: SIZE, steps: STEPS, phrases: 1, isScored: false };

/** Values that are varied, one at a time. */
export interface Sweeps {
  /** Sides of the heatmap, in pixels. */
  readonly sizes: readonly number[];
  /** Numbers of steps. */
  readonly steps: readonly number[];
  /** Numbers of phrases. */
  readonly phrases: readonly number[];
  /** Numbers of phrases, for heatmaps that are scored. */
  readonly scored: readonly number[];
}

/** Values of a full measurement. */
export const FULL: Sweeps = {
  sizes: [256, 384, 512, 768, 1024],
  steps: [1, 10, 60, 180, 334],
  phrases: [1, 4, 16, 64],
  scored: [1, 16],
};

/** Values of a quick look. */
export const QUICK: Sweeps = { sizes: [256, 512], steps: [1, 60], phrases: [1, 4], scored: [1] };

/** Returns one case for each value of the sweeps. */
export function heatmapCases(
  inputs: Inputs,
  { sizes, steps, phrases, scored }: Sweeps,
  place: Place | undefined,
): Case[] {
  const make = (group: Group, name: string, changed: Partial<HeatmapShape>) =>
    heatmapCase(inputs, group, name, { ...PAPER, ...changed }, place);
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  return [
    ...sizes.map((size) => make("heatmap size", `${size} x ${size}`, { size })),
    ...steps.map((steps) => make("steps", count(steps, "step"), { steps })),
    ...phrases.map((phrases) => make("phrases", count(phrases, "phrase"), { phrases })),
    ...scored.map((phrases) =>
      make("phrases, with scores", `${count(phrases, "phrase")}, scored`, {
        phrases,
        isScored: true,
      })
    ),
  ];
}

function heatmapCase(
  inputs: Inputs,
  group: Group,
  name: string,
  shape: HeatmapShape,
  place: Place | undefined,
): Case {
  const { size, steps, phrases, isScored } = shape;
  const { image } = inputs;
  const layers = layersOf(inputs, steps);
  const [tokenStart, tokenEnd] = RANGE;
  const settings = {
    ...{ tokens: RANGE, size, sigma: SIGMA },
    ...(isScored && { width: image.width, height: image.height, boxes: BOXES }),
  };
  const kernel = isScored ? "scored" : "postprocess";
  const { released, best } = peersOf(kernel, { layers: "maps" }, settings, steps);
  return {
    group,
    name,
    shape,
    typescript() {
      let outcome: Outcome = {};
      for (let phrase = 0; phrase < phrases; phrase++) {
        const result = postprocess({ layers, tokenStart, tokenEnd, size, sigma: SIGMA });
        const { normalised: map, heatmap: masked, threshold } = result;
        outcome = {
          ...{ map, masked, threshold: threshold! },
          ...(isScored && { scores: scoreList(scoreHeatmap(masked, image, BOXES)) }),
        };
      }
      return outcome;
    },
    ...(place && { shaders: () => new HeatmapRun(place, shape, image) }),
    peers: {
      // The released code takes one phrase at a time, so N phrases would take N times as long.
      ...(released && phrases === 1 && { released }),
      ...(best && { best: { ...best, repeat: phrases } }),
    },
    parts: ["map", "masked", "threshold", ...(isScored ? ["scores"] as const : [])],
  };
}

/** Heatmaps of the phrases of one image; the attention is on the GPU already. */
export class HeatmapRun implements ShaderRun {
  readonly gpuMilliseconds?: () => Promise<number>;
  #maps: GPUBuffer;
  #shape: HeatmapShape;
  #image: Size;
  #heatmaps: GpuHeatmaps;
  #owned: { destroy(): void }[];

  /**
   * @param place Device and maps `[steps, layers, positions, tokens]`; every phrase uses the same
   * maps.
   * @param shape The requested heatmaps.
   * @param image Size of the X-ray that heatmaps are scored on.
   */
  constructor({ gpu, maps }: Place, shape: HeatmapShape, image: Size) {
    this.#maps = maps;
    this.#shape = shape;
    this.#image = image;
    const options = { size: shape.size, sigma: SIGMA, otsu: true };
    const heatmaps = this.#heatmaps = new GpuHeatmaps(gpu, options);
    this.#owned = [heatmaps];
    if (!GpuTimer.isOffered(gpu)) return;
    // The timer measures one span for each phrase, and one for each batch of phrases.
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
    const { phrases, steps, isScored } = this.#shape;
    const group = { layers: LAYERS, positions: POSITIONS, tokens: TOKENS };
    const target = { image: this.#image, boxes: BOXES };
    const phrase = { range: RANGE, ...(isScored && { target }) };
    heatmaps.begin([group], Array.from({ length: phrases }, () => phrase));
    for (let phrase = 0; phrase < phrases; phrase++) heatmaps.add([this.#maps], phrase, steps);
    const last = (await heatmaps.finish()).at(-1)!;
    if ("error" in last) throw last.error;
    return {
      ...{ map: last.normalised, masked: last.heatmap, threshold: last.threshold! },
      ...(last.scores && { scores: scoreList(last.scores) }),
    };
  }

  destroy(): void {
    for (const owned of this.#owned) owned.destroy();
  }
}
