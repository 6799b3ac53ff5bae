/**
 * Inputs of all contenders of `deno task bench`: seeded attention maps, an X-ray's pixels, and
 * boxes to score against.
 *
 * @module
 */

import type { Box, GrayImage } from "../../base/geometry.ts";
import type { AttentionLayer } from "../../pipeline/postprocess.ts";
import { Random } from "../../base/random.ts";
import { type Gpu, storage } from "../../shaders/device.ts";
import type { Peers } from "./peers.ts";

/** Number of layers whose maps are averaged, as in the paper. */
export const LAYERS = 4;

/** Side of an attention map, in positions. */
export const SIDE = 16;

/** Number of positions of an attention map. */
export const POSITIONS = SIDE * SIDE;

/** Number of tokens of an attention map. */
export const TOKENS = 77;

/** Tokens that are averaged: a phrase of seven tokens, from 1 to below 8. */
export const RANGE = [1, 8] as const;

/** Number of the paper's steps, 120 to 179. */
export const STEPS = 60;

/** Side of the paper's heatmap in pixels. */
export const SIZE = 512;

/** Sigma of the paper's Gaussian, in heatmap pixels. */
export const SIGMA = 2.5;

/** Boxes on the X-ray, in its pixels. */
export const BOXES: readonly Box[] = [[760, 1328, 666, 835], [1552, 310, 988, 384]];

/** Inputs of the contenders. */
export interface Inputs {
  /** Number of steps in `maps`. */
  readonly steps: number;
  /** Softmax maps, `[layers, steps, positions, tokens]`. */
  readonly maps: Float32Array;
  /** A large X-ray's pixels. */
  readonly image: GrayImage;
}

/** A device, and the attention maps in its memory, `[steps, layers, positions, tokens]`. */
export interface Place {
  readonly gpu: Gpu;
  readonly maps: GPUBuffer;
}

/**
 * Makes the inputs; the same number of steps gives the same inputs.
 *
 * @param steps Highest number of steps to be measured.
 */
export function makeInputs(steps: number): Inputs {
  const random = new Random(1);
  const maps = new Float32Array(LAYERS * steps * POSITIONS * TOKENS);
  const base = new Float32Array(POSITIONS * TOKENS);
  for (let layer = 0; layer < LAYERS; layer++) {
    // Each token attends around a point of its own.
    for (let token = 0; token < TOKENS; token++) {
      const x = random.uniform() * SIDE;
      const y = random.uniform() * SIDE;
      for (let position = 0; position < POSITIONS; position++) {
        const distance = (position % SIDE - x) ** 2 + (Math.floor(position / SIDE) - y) ** 2;
        base[position * TOKENS + token] = Math.exp(-distance / 18) / TOKENS;
      }
    }
    for (let step = 0; step < steps; step++) {
      const at = (layer * steps + step) * base.length;
      for (let i = 0; i < base.length; i++) {
        maps[at + i] = base[i]! * (0.5 + random.uniform());
      }
    }
  }
  const [width, height] = [2544, 3056];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = 110 + 80 * Math.sin(x / 190) * Math.cos(y / 260);
      data[y * width + x] = light + 60 * random.uniform();
    }
  }
  return { steps, maps, image: { width, height, data } };
}

/**
 * Returns the first `count` steps of each layer, as views in the form that plain TypeScript takes.
 */
export function layersOf({ maps, steps }: Inputs, count: number): AttentionLayer[] {
  const length = POSITIONS * TOKENS;
  return Array.from({ length: LAYERS }, (_, layer) => ({
    data: maps.subarray(layer * steps * length, (layer * steps + count) * length),
    shape: [count, POSITIONS, TOKENS],
  }));
}

/** Uploads the maps as `[steps, layers, positions, tokens]`, the order that the model returns. */
export function uploadMaps(gpu: Gpu, { maps, steps }: Inputs): GPUBuffer {
  const length = POSITIONS * TOKENS;
  const turned = new Float32Array(maps.length);
  for (let layer = 0; layer < LAYERS; layer++) {
    for (let step = 0; step < steps; step++) {
      const at = (layer * steps + step) * length;
      turned.set(maps.subarray(at, at + length), (step * LAYERS + layer) * length);
    }
  }
  return storage(gpu, "attention maps", turned);
}

/** Sends the inputs to the peers, under the names `maps` and `image`. */
export async function putInputs(peers: Peers, { maps, steps, image }: Inputs): Promise<void> {
  await peers.put("maps", maps, [LAYERS, steps, POSITIONS, TOKENS]);
  const { data, width, height } = image;
  await peers.put("image", data as Uint8Array, [height, width]);
}
