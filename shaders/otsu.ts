/**
 * Scaling to 0..1, Otsu's threshold and mask on the GPU; the twins are
 * `normalize01` and `otsu_cpu.ts`.
 *
 * @module
 */

import type { Box } from "../datasets/sample.ts";
import { dispatch, type Gpu, pipeline, storage } from "./device.ts";
import code from "./otsu.wgsl" with { type: "text" };
import type { Size } from "./resize_cpu.ts";

/** Pixels that one workgroup takes, as in the shader. */
const CHUNK = 4096;

/** Bins of the histogram, as in the shader. */
const BINS = 256;

/** Words of one map's state, as in the shader. */
const STATE_WORDS = 12;

/** What the GPU found out about one map while it was scaled to 0..1. */
export interface NormaliseState {
  /** Whether a value is NaN or infinite; nothing else counts then. */
  readonly isBroken: boolean;
  /** Whether all values are the same up to rounding. */
  readonly isConstant: boolean;
}

/** Scales maps to 0..1, each over its own range; a constant map becomes all 0. */
export class Normalise {
  /** One state a map; read with {@linkcode Normalise.readState}. */
  readonly states: GPUBuffer;
  /** Bytes of {@linkcode Normalise.states}. */
  readonly stateBytes: number;
  #gpu: Gpu;
  #maps: number;
  #constants: Record<string, number>;
  #chunks: number;

  /**
   * @param size Size of each map in pixels.
   * @param rounding Share of a map's largest value up to which differences do not count.
   * @param maps How many maps are scaled at a time.
   */
  constructor(gpu: Gpu, { width, height }: Size, rounding = 0, maps = 1) {
    this.#gpu = gpu;
    this.#maps = maps;
    this.#chunks = Math.ceil(width * height / CHUNK);
    this.#constants = { WIDTH: width, PIXELS: width * height, ROUNDING: rounding };
    this.stateBytes = 4 * STATE_WORDS * maps;
    this.states = storage(gpu, "normalise states", this.stateBytes);
  }

  /** Records the scaling of `[maps, height, width]` float32. */
  record(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void {
    encoder.clearBuffer(this.states);
    const workgroups = [this.#chunks, this.#maps, 1] as const;
    const kernel = (entry: string) => pipeline(this.#gpu, "otsu", code, entry, this.#constants);
    const reduce = kernel("reduce_range");
    dispatch(this.#gpu, encoder, reduce, { 0: source, 2: this.states }, workgroups);
    const buffers = [source, result, this.states];
    dispatch(this.#gpu, encoder, kernel("normalise"), buffers, workgroups);
  }

  /**
   * What became of one map.
   *
   * @param words The states, read back.
   * @param map Which map.
   */
  readState(words: Uint32Array, map: number): NormaliseState {
    const at = map * STATE_WORDS;
    return { isBroken: words[at + 2] !== 0, isConstant: words[at + 3] !== 0 };
  }

  /** Frees its buffers. */
  destroy(): void {
    this.states.destroy();
  }
}

/** Otsu's thresholds of one map, and the box of what is above the first. */
export interface OtsuState {
  /** Whether a value is NaN or infinite; nothing else counts then. */
  readonly isBroken: boolean;
  /** One for two classes, two for three, ascending. */
  readonly thresholds: readonly number[];
  /** `[x, y, width, height]` of the mask in pixels of the map; `undefined` where it is empty. */
  readonly box: Box | undefined;
}

/** Otsu's threshold over 256 bins, and the mask of what is above it. */
export class Otsu {
  /** One state a map; read with {@linkcode Otsu.readState}. */
  readonly states: GPUBuffer;
  /** Bytes of {@linkcode Otsu.states}. */
  readonly stateBytes: number;
  #gpu: Gpu;
  #size: Size;
  #maps: number;
  #classes: 2 | 3;
  #counts: GPUBuffer;

  /**
   * @param size Size of each map in pixels.
   * @param maps How many maps are masked at a time.
   * @param classes How many classes the values fall into: 2, or 3 as in multi-Otsu.
   */
  constructor(gpu: Gpu, size: Size, maps = 1, classes: 2 | 3 = 2) {
    this.#gpu = gpu;
    this.#size = size;
    this.#maps = maps;
    this.#classes = classes;
    this.stateBytes = 4 * STATE_WORDS * maps;
    this.states = storage(gpu, "otsu states", this.stateBytes);
    this.#counts = storage(gpu, "otsu histograms", 4 * BINS * maps);
  }

  /**
   * Records range, histogram, threshold and mask of `[maps, height, width]`
   * float32: values up to the first threshold become 0.
   */
  record(encoder: GPUCommandEncoder, source: GPUBuffer, result: GPUBuffer): void {
    const { width, height } = this.#size;
    encoder.clearBuffer(this.states);
    encoder.clearBuffer(this.#counts);
    const workgroups = [Math.ceil(width * height / CHUNK), this.#maps, 1] as const;
    const constants = { WIDTH: width, PIXELS: width * height };
    const run = (
      entry: string,
      buffers: Record<number, GPUBuffer>,
      size: readonly [number, number, number],
    ) =>
      dispatch(
        this.#gpu,
        encoder,
        pipeline(this.#gpu, "otsu", code, entry, constants),
        buffers,
        size,
      );
    run("reduce_range", { 0: source, 2: this.states }, workgroups);
    run("count_bins", { 0: source, 2: this.states, 3: this.#counts }, workgroups);
    const split = this.#classes === 2 ? "split_two" : "split_three";
    run(split, { 2: this.states, 3: this.#counts }, [this.#maps, 1, 1]);
    run("apply_mask", { 0: source, 1: result, 2: this.states }, workgroups);
  }

  /**
   * What became of one map.
   *
   * @param words The states, read back.
   * @param map Which map.
   */
  readState(words: Uint32Array, map: number): OtsuState {
    const at = map * STATE_WORDS;
    const { width, height } = this.#size;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    const [left, right, top, bottom] = words.subarray(at + 6, at + 10);
    const x = width - left!;
    const y = height - top!;
    return {
      isBroken: words[at + 2] !== 0,
      thresholds: [...floats.subarray(at + 4, at + 3 + this.#classes)],
      box: right === 0 ? undefined : [x, y, right! - x, bottom! - y],
    };
  }

  /** Frees its buffers. */
  destroy(): void {
    this.states.destroy();
    this.#counts.destroy();
  }
}
