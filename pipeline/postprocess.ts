/**
 * From attention maps to a heatmap: docs/method.md, steps 8 to 10.
 *
 * @module
 */

import { InputRangeError } from "../base/errors.ts";
import type { Box } from "../base/geometry.ts";
import { AttentionAccumulator, normalize01, valueRange } from "../shaders/aggregate_cpu.ts";
import { gaussianBlur, gaussianHalfKernel, MAX_SIGMA } from "../shaders/gaussian_cpu.ts";
import { applyThreshold, maskBox, otsuThreshold } from "../shaders/otsu_cpu.ts";
import { resizeBilinear } from "../shaders/resize_cpu.ts";
import { applyBands, type Band, bandWins, smoothResizeBand } from "../shaders/separable_cpu.ts";

/** All softmax maps of one cross-attention layer. */
export interface AttentionLayer {
  /** Row-major values of `shape`, heads averaged. */
  readonly data: Float32Array;
  /** Steps, positions (a square number) and tokens. */
  readonly shape: readonly [steps: number, positions: number, tokens: number];
}

/** One layer's mean over steps, each step scaled to 0..1 over space. */
export interface LayerMean {
  /** Row-major `[side, side]`. */
  readonly data: Float32Array;
  /** Side of the square map, in positions. */
  readonly side: number;
}

/** A {@linkcode LayerMean} of a known layer of the model. */
export interface AveragedLayer extends LayerMean {
  /** The cross-attention layer, counted from 0 in forward order. */
  readonly layer: number;
}

/** Settings of a heatmap that need no model, so that a later scoring may change them. */
export interface FinishSettings {
  /**
   * Standard deviation of the Gaussian, in heatmap pixels, 0..32.
   *
   * @default {2.5}
   */
  readonly sigma?: number;
  /**
   * Whether values up to Otsu's threshold are set to 0.
   *
   * @default {true}
   */
  readonly otsu?: boolean;
}

/** How a heatmap is finished from the layers' means. */
export interface FinishHeatmapOptions extends Omit<FinishSettings, "otsu"> {
  /**
   * As of {@linkcode FinishSettings}, or a threshold in place of Otsu's, 0..1.
   *
   * @default {true}
   */
  readonly otsu?: boolean | number;
  /** Side of the heatmap in pixels, 1..8192. */
  readonly size: number;
}

/** Input of {@linkcode postprocess}. */
export interface PostprocessInput extends FinishHeatmapOptions {
  /** The chosen layers, all with the same number of steps; all layers have the same weight. */
  readonly layers: readonly AttentionLayer[];
  /** First token of the phrase that counts, from 0 (1 leaves out the start token). */
  readonly tokenStart: number;
  /** One past the last token that counts. */
  readonly tokenEnd: number;
}

/** A heatmap before its threshold; both maps are row-major `[size, size]`. */
export interface SmoothHeatmap {
  /** The mean over layers and steps after the Gaussian, before it is scaled. */
  readonly smoothed: Float32Array;
  /** `smoothed` scaled to 0..1; all 0 where it is constant. */
  readonly normalised: Float32Array;
  /** Whether `smoothed` is the same everywhere, up to rounding; then nothing was grounded. */
  readonly constant: boolean;
}

/** A heatmap with its mask. */
export interface MaskedHeatmap {
  /** Otsu's threshold on `normalised`; `undefined` without Otsu. */
  readonly threshold: number | undefined;
  /** `normalised` with 0 up to the threshold; `normalised` itself without Otsu. */
  readonly heatmap: Float32Array;
  /** The box around the mask in heatmap pixels; `undefined` without Otsu or mask. */
  readonly box: Box | undefined;
}

/** A finished heatmap. */
export interface Heatmap extends SmoothHeatmap, MaskedHeatmap {}

/** Result of {@linkcode postprocess}. */
export interface PostprocessResult extends Heatmap {
  /** Number of attention maps that were the same everywhere; each counts as all 0. */
  readonly constantMaps: number;
}

/** Maximum side of a heatmap, in pixels. */
const MAX_SIZE = 8192;

/** The released code's choices: docs/method.md, steps 9 and 10. */
export const DEFAULT_FINISH: Readonly<Required<FinishSettings>> = { sigma: 2.5, otsu: true };

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} If sigma is out of its range.
 */
export function resolveFinish(
  { sigma = DEFAULT_FINISH.sigma, otsu = DEFAULT_FINISH.otsu }: FinishSettings,
): Required<FinishSettings> {
  if (!(sigma >= 0 && sigma <= MAX_SIGMA)) {
    throw new RangeError(`Cannot smooth with sigma ${sigma}: expected 0 to ${MAX_SIGMA} pixels`);
  }
  return { sigma, otsu };
}

/**
 * Largest difference between a map's values that counts as rounding, as a share of the largest
 * magnitude. The resize and the Gaussian round in float32, by some 8 units in the last place.
 */
export const ROUNDING = 1e-6;

/**
 * Makes a heatmap from the cross-attention of the chosen layers and steps. First comes the mean
 * over the phrase's tokens, and each map is scaled to 0..1. Then comes the mean over steps and
 * layers at the heatmap's size. Last come the Gaussian, scaling to 0..1 and Otsu's mask.
 *
 * @example
 * ```ts
 * import { postprocess } from "./postprocess.ts";
 *
 * // One layer, one step, 2x2 positions, 3 tokens; the phrase is token 1.
 * const data = new Float32Array([.5, .1, .4, .5, .2, .3, .5, .3, .2, .4, .5, .1]);
 * const { heatmap, threshold } = postprocess({
 *   layers: [{ data, shape: [1, 4, 3] }],
 *   tokenStart: 1,
 *   tokenEnd: 2,
 *   size: 64,
 * });
 * console.log(threshold, heatmap.length); // the length is 64 * 64
 * ```
 *
 * @throws {TypeError} If a layer's data is not a `Float32Array`.
 * @throws {RangeError} If shapes, token range, size or sigma do not fit, or attention is not
 * finite; the message names the layer and the step.
 */
export function postprocess(input: PostprocessInput): PostprocessResult {
  const { layers, tokenStart, tokenEnd } = input;
  requireOptions(input);
  requireLayers(layers);
  let constantMaps = 0;
  const means = layers.map(({ data, shape }, layer) => {
    const [steps, positions, tokens] = shape;
    const accumulator = new AttentionAccumulator(positions);
    const length = positions * tokens;
    for (let step = 0; step < steps; step++) {
      accumulator.add(data.subarray(step * length, (step + 1) * length), {
        tokens,
        tokenStart,
        tokenEnd,
        name: `attention of layer ${layer}, step ${step}`,
      });
    }
    constantMaps += accumulator.constantMaps;
    return { data: accumulator.mean(), side: accumulator.side };
  });
  return { ...finishHeatmap(means, input), constantMaps };
}

/**
 * Finishes a heatmap from the layers' means: one resize to `size`, mean over layers, Gaussian,
 * scaling to 0..1, Otsu's mask.
 *
 * @param layerMeans One map per layer, of any side; all layers have the same weight.
 * @throws {RangeError} If there is no map, or a map does not fit its side or is not finite. Also if
 * an option is out of its range.
 */
export function finishHeatmap(
  layerMeans: readonly LayerMean[],
  options: FinishHeatmapOptions,
): Heatmap {
  const { size, otsu = true } = options;
  const smooth = smoothAttention(layerMeans, options);
  return { ...smooth, ...maskHeatmap(smooth, size, otsu) };
}

/**
 * The first half of {@linkcode finishHeatmap}: resize, mean over layers, Gaussian, scaling to 0..1.
 *
 * @param layerMeans One map per layer, of any side; all layers have the same weight.
 * @throws {RangeError} If there is no map, or a map does not fit its side or is not finite. Also if
 * an option is out of its range.
 */
export function smoothAttention(
  layerMeans: readonly LayerMean[],
  options: Pick<FinishHeatmapOptions, "size" | "sigma">,
): SmoothHeatmap {
  const { size, sigma = DEFAULT_FINISH.sigma } = options;
  requireOptions(options);
  const sums = meansBySide(layerMeans);
  const bands = smoothingBands([...sums.keys()], size, sigma);
  const smoothed = bands
    ? addUp([...sums.values()].map((sum, i) => applyBands(sum, bands[i]!, bands[i]!)))
    : gaussianBlur(
      addUp(
        [...sums].map(([side, sum]) =>
          resizeBilinear(sum, { width: side, height: side }, { width: size, height: size })
        ),
      ),
      size,
      size,
      sigma,
    );
  const range = valueRange(smoothed);
  const { minimum, maximum } = range;
  const constant = maximum - minimum <=
    ROUNDING * Math.max(Math.abs(minimum), Math.abs(maximum));
  const normalised = constant ? new Float32Array(smoothed.length) : normalize01(smoothed, range);
  return { smoothed, normalised, constant };
}

/**
 * The second half of {@linkcode finishHeatmap}: Otsu's threshold and mask.
 *
 * @param smooth Result of the first half.
 * @param size Side of the map in pixels.
 * @param otsu Whether to mask; `heatmap` is `normalised` otherwise. A number is a threshold in place
 * of Otsu's, 0..1.
 */
export function maskHeatmap(
  { normalised, constant }: Pick<SmoothHeatmap, "normalised" | "constant">,
  size: number,
  otsu: boolean | number,
): MaskedHeatmap {
  if (otsu === false) return { threshold: undefined, heatmap: normalised, box: undefined };
  const threshold = otsu === true
    ? otsuThreshold(normalised, { minimum: 0, maximum: constant ? 0 : 1 })
    : otsu;
  const heatmap = applyThreshold(normalised, threshold);
  return { threshold, heatmap, box: maskBox(heatmap, size, size) };
}

/** Bands of the last heatmap, kept because the next heatmap mostly needs the same bands. */
let lastBands: { readonly key: string; readonly bands: Band[] | undefined } | undefined;

/**
 * Combines resize and Gaussian into one matrix for each side of map. The two in sequence can need
 * less arithmetic; then there is no matrix.
 *
 * @param sides Sides of the maps in positions.
 * @param size Side of the heatmap in pixels.
 * @param sigma Standard deviation of the Gaussian in heatmap pixels, 0..32.
 * @returns One band per side; `undefined` if the two kernels in sequence are faster.
 */
export function smoothingBands(
  sides: readonly number[],
  size: number,
  sigma: number,
): Band[] | undefined {
  const key = JSON.stringify([sides, size, sigma]);
  if (lastBands?.key === key) return lastBands.bands;
  const all = sides.map((side) => smoothResizeBand(side, size, sigma));
  const bands = all.every((band) => bandWins(band, sigma)) ? all : undefined;
  lastBands = { key, bands };
  return bands;
}

/**
 * Adds up the layers of each side, each layer with its weight in the heatmap. Resize and Gaussian
 * are linear, so each side needs them only once.
 */
function meansBySide(layerMeans: readonly LayerMean[]): Map<number, Float32Array> {
  if (layerMeans.length === 0) {
    throw new RangeError("Cannot make a heatmap: expected at least one layer, got none");
  }
  const sums = new Map<number, Float32Array>();
  layerMeans.forEach(({ data, side }, layer) => {
    if (data.length !== side * side) {
      throw new RangeError(
        `Cannot make a heatmap from layer ${layer}: expected ${side} x ${side} values, got ${data.length}`,
      );
    }
    if (!data.every(Number.isFinite)) {
      throw new InputRangeError(
        `Cannot make a heatmap from layer ${layer}: expected finite values, got ` +
          data.find((value) => !Number.isFinite(value)),
      );
    }
    const sum = sums.get(side) ?? new Float32Array(data.length);
    for (let index = 0; index < data.length; index++) {
      sum[index]! += data[index]! / layerMeans.length;
    }
    sums.set(side, sum);
  });
  return sums;
}

/** Adds up maps of one size; the sum overwrites the first map. */
function addUp([first, ...others]: Float32Array[]): Float32Array {
  for (const other of others) {
    for (let index = 0; index < other.length; index++) first![index]! += other[index]!;
  }
  return first!;
}

function requireOptions(options: Pick<FinishHeatmapOptions, "size" | "sigma">): void {
  const { size, sigma = DEFAULT_FINISH.sigma } = options;
  if (!Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
    throw new RangeError(
      `Cannot make a heatmap: expected a size of 1..${MAX_SIZE} pixels, got ${size}`,
    );
  }
  // Refuses a sigma out of range before any work is done.
  gaussianHalfKernel(sigma);
}

function requireLayers(layers: readonly AttentionLayer[]): void {
  const expectedSteps = layers[0]?.shape[0];
  layers.forEach(({ data, shape }, layer) => {
    if (!(data instanceof Float32Array)) {
      throw new TypeError(`Cannot read attention of layer ${layer}: expected a Float32Array`);
    }
    const [steps, positions, tokens] = shape;
    if (steps !== expectedSteps || !(steps >= 1)) {
      throw new RangeError(
        `Cannot combine attention layers: expected at least 1 step and as many as layer 0 has (${expectedSteps}), got ${steps} in layer ${layer}`,
      );
    }
    if (shape.length !== 3 || data.length !== steps * positions * tokens) {
      throw new RangeError(
        `Cannot read attention of layer ${layer}: expected ${shape.join(" x ")} values, got ` +
          data.length,
      );
    }
  });
}
