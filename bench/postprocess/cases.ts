/**
 * One thing that is measured, done by each contender, and whether they agree.
 *
 * @module
 */

import type { PeerRequest } from "./peers.ts";

/** A result, in the parts that can be compared. */
export interface Outcome {
  /** Values of a map. */
  readonly map?: Float32Array;
  /** A map with 0 outside its mask. */
  readonly masked?: Float32Array;
  /** Otsu's threshold. */
  readonly threshold?: number;
  /** |CNR|, CNR, mIoU and AUC-ROC. */
  readonly scores?: readonly number[];
}

/** Parts of an outcome in the order in which a peer answers. */
export type OutcomeParts = readonly (keyof Outcome)[];

/** The shaders' way. */
export interface ShaderRun {
  /** Does it once and reads the result back. */
  run(): Promise<Outcome>;
  /** Milliseconds that the GPU itself takes; absent without timestamp queries. */
  readonly gpuMilliseconds?: () => Promise<number>;
  /** Frees its buffers. */
  destroy(): void;
}

/** One way to ask for heatmaps. */
export interface HeatmapShape {
  /** Side of the heatmap in pixels. */
  readonly size: number;
  /** Steps whose maps are averaged. */
  readonly steps: number;
  /** Phrases of one image. */
  readonly phrases: number;
  /** Whether the heatmaps are scored on a large X-ray. */
  readonly isScored: boolean;
}

/** Heading of a part of the results. */
export type Group = "kernels" | "heatmap size" | "steps" | "phrases" | "phrases, with scores";

/** One thing that is measured. */
export interface Case {
  /** What it belongs to. */
  readonly group: Group;
  /** Its name within the group. */
  readonly name: string;
  /** What is asked for, where it is whole heatmaps. */
  readonly shape?: HeatmapShape;
  /** Plain TypeScript's way. */
  typescript(): Outcome;
  /** Makes the shaders' way ready; absent without a GPU. */
  readonly shaders?: () => ShaderRun;
  /** The Python peers' ways; those left out have none. */
  readonly peers: { readonly released?: PeerRequest; readonly best?: PeerRequest };
  /** What peers answer. */
  readonly parts: OutcomeParts;
}

/** How far apart two outcomes are, in the parts that both have. */
export interface Difference {
  /** Largest difference between values of the maps. */
  readonly map?: number;
  /** Pixels that one mask has and the other has not. */
  readonly maskPixels?: number;
  /** Difference between the thresholds. */
  readonly threshold?: number;
  /** Largest difference between scores. */
  readonly scores?: number;
}

/** What is taken for the same result. */
const TOLERANCE = {
  // PyTorch 2.15 rounds the sampling points of a resize to float32, which is worth 3e-5.
  map: 1e-4,
  // One bin of 256.
  threshold: 1 / 255,
  scores: 1e-4,
  /** Share of the pixels, for masks whose thresholds are a bin apart. */
  maskShare: 0.01,
} as const;

/** A peer's values as an outcome. */
export function toOutcome(values: readonly Float32Array[], parts: OutcomeParts): Outcome {
  const entries = parts.map((part, i) => [
    part,
    part === "threshold" ? values[i]![0] : part === "scores" ? [...values[i]!] : values[i],
  ]);
  return Object.fromEntries(entries);
}

/** Compares two outcomes. */
export function compare(one: Outcome, other: Outcome): Difference {
  return {
    ...(one.map && other.map && { map: furthest(one.map, other.map) }),
    ...(one.masked && other.masked && { maskPixels: maskPixels(one.masked, other.masked) }),
    ...(one.threshold !== undefined && other.threshold !== undefined &&
      { threshold: Math.abs(one.threshold - other.threshold) }),
    ...(one.scores && other.scores && { scores: furthest(one.scores, other.scores) }),
  };
}

/** Whether a difference is small enough to call the results the same. */
export function isSame(
  { map = 0, maskPixels = 0, threshold = 0, scores = 0 }: Difference,
  pixels: number,
): boolean {
  return map <= TOLERANCE.map && threshold <= TOLERANCE.threshold &&
    scores <= TOLERANCE.scores && maskPixels <= TOLERANCE.maskShare * pixels;
}

function furthest(one: ArrayLike<number>, other: ArrayLike<number>): number {
  if (one.length !== other.length) return Infinity;
  let most = 0;
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!);
    // NaN on one side is as far as can be.
    most = Math.max(most, Number.isNaN(difference) ? Infinity : difference);
  }
  return most;
}

function maskPixels(one: Float32Array, other: Float32Array): number {
  let count = 0;
  for (let i = 0; i < one.length; i++) count += Number((one[i] !== 0) !== (other[i] !== 0));
  return count;
}
