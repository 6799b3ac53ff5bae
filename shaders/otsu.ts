/**
 * Scaling to 0..1, Otsu's threshold and mask on the GPU; the twins are
 * `normalize01` and `otsu_cpu.ts`.
 *
 * @module
 */

import type { ValueRange } from "./aggregate_cpu.ts";
import common from "./common.wgsl" with { type: "text" };
import { type Gpu, Operation } from "./device.ts";
import own from "./otsu.wgsl" with { type: "text" };
import type { Size } from "../base/geometry.ts";

const CODE = common + own;

/** Number of pixels that one workgroup handles, as in the shader. */
const CHUNK = 4096;

/** Number of bins in the histogram, as in the shader. */
const BINS = 256;

/** Words of one map's state, as in the shader. */
const STATE_WORDS = 5;

/** Results of the GPU for one map. */
export interface OtsuState {
  /**
   * Whether a value or the span of the values is not finite in float32. If so, the other fields
   * have no meaning.
   */
  readonly isBroken: boolean;
  /**
   * Whether all values are the same up to rounding, or differ by less than 1.2e-38, the smallest
   * normal float32; known only after {@linkcode Otsu.recordScaling}.
   */
  readonly isConstant: boolean;
  /** Lowest and highest value, before the scaling. */
  readonly range: ValueRange;
  /** Otsu's threshold: values above it are in the mask. */
  readonly threshold: number;
}

/** Options of {@linkcode Otsu}. */
export interface OtsuOptions {
  /**
   * Number of maps in a batch.
   *
   * @default {1}
   */
  readonly maps?: number;
  /**
   * Rounding error as a share of a map's largest absolute value. The scaling treats a map as
   * constant if its values differ by no more.
   *
   * @default {0}
   */
  readonly rounding?: number;
}

/** Scaling to 0..1, Otsu's threshold over 256 bins, and the mask of the values above it. */
export class Otsu extends Operation {
  /** One state for each map; read with {@linkcode Otsu.readState}. */
  readonly states: GPUBuffer;
  /** Bytes of {@linkcode Otsu.states}. */
  readonly stateBytes: number;
  #size: Size;
  #options: Required<OtsuOptions>;
  #counts: GPUBuffer;

  /** @param size Size of each map in pixels. */
  constructor(gpu: Gpu, size: Size, { maps = 1, rounding = 0 }: OtsuOptions = {}) {
    super(gpu, "otsu", CODE);
    this.#size = size;
    this.#options = { maps, rounding };
    this.stateBytes = 4 * STATE_WORDS * maps;
    this.states = this.hold("otsu states", this.stateBytes);
    this.#counts = this.hold("otsu histograms", 4 * BINS * maps);
  }

  /**
   * Records the scaling of `[maps, height, width]` float32, each map over its
   * own range; a constant map becomes all 0.
   */
  recordScaling(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void {
    this.#reduceRange(encoder, source);
    this.#run(encoder, "normalise", [source, result, this.states, this.#counts], false);
  }

  /**
   * Records histogram, threshold and mask of `[maps, height, width]` float32: values up to the
   * threshold become 0.
   *
   * @param result Buffer for the masked maps; without it, only thresholds are computed.
   * @param isScaled Whether the maps are the last result of {@linkcode Otsu.recordScaling} of this
   * object. Then their range and histogram are known.
   */
  record(
    encoder: GPUCommandEncoder,
    source: GPUBuffer,
    result?: GPUBuffer,
    isScaled = false,
  ): void {
    const { states } = this;
    if (!isScaled) {
      this.#reduceRange(encoder, source);
      this.#run(encoder, "count_bins", { 0: source, 2: states, 3: this.#counts }, false);
    }
    this.#run(encoder, "split", { 2: states, 3: this.#counts }, isScaled);
    if (result) this.#run(encoder, "apply_mask", [source, result, states], isScaled);
  }

  /** Records the clearing of states and histograms, and the search for each map's range. */
  #reduceRange(encoder: GPUCommandEncoder, source: GPUBuffer): void {
    encoder.clearBuffer(this.states);
    encoder.clearBuffer(this.#counts);
    this.#run(encoder, "reduce_range", { 0: source, 2: this.states }, false);
  }

  #run(
    encoder: GPUCommandEncoder,
    entryPoint: string,
    buffers: readonly GPUBuffer[] | Readonly<Record<number, GPUBuffer>>,
    isScaled: boolean,
  ): void {
    const { width, height } = this.#size;
    const { maps, rounding } = this.#options;
    const pixels = width * height;
    const constants = { PIXELS: pixels, ROUNDING: rounding, SCALED: isScaled ? 1 : 0 };
    const chunks = Math.ceil(pixels / CHUNK);
    const workgroups = entryPoint === "split" ? [maps, 1, 1] as const : [chunks, maps, 1] as const;
    this.run(encoder, entryPoint, constants, buffers, workgroups);
  }

  /**
   * Reads the results for one map.
   *
   * @param words Content of {@linkcode Otsu.states}, read back.
   * @param map Index of the map.
   */
  readState(words: Uint32Array, map: number): OtsuState {
    const at = map * STATE_WORDS;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    const range = { minimum: fromOrdered(~words[at + 1]!), maximum: fromOrdered(words[at]!) };
    return {
      isBroken: words[at + 2] !== 0 || !Number.isFinite(Math.fround(range.maximum - range.minimum)),
      range,
      isConstant: words[at + 3] !== 0,
      threshold: floats[at + 4]!,
    };
  }
}

/** Converts a word of the shader back to a float32; the words have the order of the floats. */
function fromOrdered(word: number): number {
  const bits = word & 0x80000000 ? word & 0x7fffffff : ~word;
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}
