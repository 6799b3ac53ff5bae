/**
 * Intermediate maps between the kernels, computed in plain TypeScript.
 *
 * @module
 */

import type { AttentionLayer } from "../../pipeline/postprocess.ts";
import { AttentionAccumulator, normalize01 } from "../../shaders/aggregate_cpu.ts";
import { gaussianBlur } from "../../shaders/gaussian_cpu.ts";
import { applyThreshold, otsuThreshold } from "../../shaders/otsu_cpu.ts";
import { resizeBilinear } from "../../shaders/resize_cpu.ts";
import {
  type Inputs,
  LAYERS,
  layersOf,
  POSITIONS,
  RANGE,
  SIDE,
  SIGMA,
  SIZE,
  STEPS,
  TOKENS,
} from "./inputs.ts";

/** Maps between one kernel and the next; later kernels start from them. */
export interface Stages {
  /** All attention maps, each scaled to 0..1, `[layers, steps, side, side]`. */
  readonly scaledMaps: Float32Array;
  /** Mean of the scaled maps, `[side, side]`. */
  readonly mean: Float32Array;
  /** Mean at the heatmap's size, `[size, size]`. */
  readonly resized: Float32Array;
  /** Resized map after the Gaussian. */
  readonly smoothed: Float32Array;
  /** Smoothed map, scaled to 0..1. */
  readonly scaled: Float32Array;
  /** Scaled map with 0 outside the mask. */
  readonly masked: Float32Array;
}

/** Returns the mean over layers and steps of the maps, each scaled to 0..1. */
export function meanOf(layers: readonly AttentionLayer[]): Float32Array {
  const mean = new Float32Array(POSITIONS);
  for (const { data, shape } of layers) {
    const sum = new AttentionAccumulator(POSITIONS);
    const length = POSITIONS * TOKENS;
    for (let step = 0; step < shape[0]!; step++) {
      const map = data.subarray(step * length, (step + 1) * length);
      sum.add(map, { tokens: TOKENS, tokenStart: RANGE[0], tokenEnd: RANGE[1] });
    }
    sum.mean().forEach((value, i) => mean[i]! += value / layers.length);
  }
  return mean;
}

/** Runs every kernel once. */
export function makeStages(inputs: Inputs): Stages {
  const layers = layersOf(inputs, STEPS);
  const length = POSITIONS * TOKENS;
  const scaledMaps = new Float32Array(LAYERS * STEPS * POSITIONS);
  layers.forEach(({ data }, layer) => {
    for (let step = 0; step < STEPS; step++) {
      const map = data.subarray(step * length, (step + 1) * length);
      scaledMaps.set(
        meanOf([{ data: map, shape: [1, POSITIONS, TOKENS] }]),
        (layer * STEPS + step) * POSITIONS,
      );
    }
  });
  const mean = meanOf(layers);
  const resized = resizeBilinear(
    mean,
    { width: SIDE, height: SIDE },
    { width: SIZE, height: SIZE },
  );
  const smoothed = gaussianBlur(resized, SIZE, SIZE, SIGMA);
  const scaled = normalize01(smoothed);
  return {
    scaledMaps,
    mean,
    resized,
    smoothed,
    scaled,
    masked: applyThreshold(scaled, otsuThreshold(scaled)),
  };
}
