/**
 * A benchmark case: one computation, done by every contender, and a check that the results agree.
 *
 * @module
 */

import type { PeerRequest } from "./peers.ts";

/** A result, split into the parts that can be compared. */
export interface Outcome {
  /** Heatmap before the threshold. */
  readonly map?: Float32Array;
  /** Heatmap with 0 outside its mask. */
  readonly masked?: Float32Array;
  /** Otsu's threshold. */
  readonly threshold?: number;
  /** |CNR|, CNR, mIoU and AUC-ROC. */
  readonly scores?: readonly number[];
}

/** Parts of an outcome, in the order of a peer's answer. */
export type OutcomeParts = readonly (keyof Outcome)[];

/** The computation on the GPU. */
export interface ShaderRun {
  /** Computes once and reads the result back. */
  run(): Promise<Outcome>;
  /** Computes once and returns the GPU's own milliseconds; absent without timestamp queries. */
  readonly gpuMilliseconds?: () => Promise<number>;
  /** Frees the GPU buffers. */
  destroy(): void;
}

/** Size of a request for heatmaps. */
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

/** Heading of a section of the results. */
export type Group = "kernels" | "heatmap size" | "steps" | "phrases" | "phrases, with scores";

/** A case is a computation that the bench measures. */
export interface Case {
  /** Section of the results that lists the case. */
  readonly group: Group;
  /** Name of the case within its group. */
  readonly name: string;
  /** Requested heatmaps; absent for a single kernel. */
  readonly shape?: HeatmapShape;
  /** Computes in plain TypeScript. */
  typescript(): Outcome;
  /** Prepares the computation on the GPU; absent without a GPU. */
  readonly shaders?: () => ShaderRun;
  /** Requests to the Python peers; a peer that cannot compute the case is absent. */
  readonly peers: { readonly released?: PeerRequest; readonly best?: PeerRequest };
  /** Parts of the outcome that the peers return. */
  readonly parts: OutcomeParts;
}

/** Differences between two outcomes, for the parts that both have. */
export interface Difference {
  /** Largest difference between values of the heatmaps. */
  readonly map?: number;
  /** Number of pixels that belong to exactly one of the masks. */
  readonly maskPixels?: number;
  /** Difference between the thresholds. */
  readonly threshold?: number;
  /** Largest difference between scores. */
  readonly scores?: number;
}

/** Largest differences between results that count as the same. */
const TOLERANCE = {
  // PyTorch 2.15 rounds the sampling points of a resize to float32: an error of 3e-5.
  map: 1e-4,
  // Thresholds may be one bin of Otsu's histogram apart.
  threshold: 1 / 255,
  scores: 1e-4,
  /** Share of the pixels; covers masks whose thresholds are one bin apart. */
  maskShare: 0.01,
} as const;

/** Turns a peer's values into an outcome. */
export function toOutcome(values: readonly Float32Array[], parts: OutcomeParts): Outcome {
  const entries = parts.map((part, i) => [
    part,
    part === "threshold" ? values[i]![0] : part === "scores" ? [...values[i]!] : values[i],
  ]);
  return Object.fromEntries(entries);
}

/** Returns the differences between two outcomes. */
export function compare(one: Outcome, other: Outcome): Difference {
  return {
    ...(one.map && other.map && { map: furthest(one.map, other.map) }),
    ...(one.masked && other.masked && { maskPixels: maskPixels(one.masked, other.masked) }),
    ...(one.threshold !== undefined && other.threshold !== undefined &&
      { threshold: Math.abs(one.threshold - other.threshold) }),
    ...(one.scores && other.scores && { scores: furthest(one.scores, other.scores) }),
  };
}

/** Returns whether a difference is within the tolerance, for maps of `pixels` pixels. */
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
    // NaN on one side counts as an infinite difference.
    most = Math.max(most, Number.isNaN(difference) ? Infinity : difference);
  }
  return most;
}

function maskPixels(one: Float32Array, other: Float32Array): number {
  let count = 0;
  for (let i = 0; i < one.length; i++) count += Number((one[i] !== 0) !== (other[i] !== 0));
  return count;
}
