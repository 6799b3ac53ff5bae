import own from "./aggregate.wgsl" with { type: "text" };
import { requireTokenRange, squareSide } from "./aggregate_cpu.ts";
import common from "./common.wgsl" with { type: "text" };
import { type Gpu, Operation, type ReadRange } from "./device.ts";

const CODE = common + own;

/** Sizes of the maps that {@linkcode AttentionSums} receives at each step. */
export interface AttentionSumsOptions {
  /** Number of phrases that share a step. */
  readonly phrases: number;
  /** Number of layers with maps of this size. */
  readonly layers: number;
  /** Number of positions in a map, a square number. */
  readonly positions: number;
  /** Number of tokens in a map. */
  readonly tokens: number;
  /** For each phrase, the first token that counts and one past the last. */
  readonly ranges: readonly (readonly [start: number, end: number])[];
  /**
   * Share of one layer in the heatmap.
   * @default 1 / layers
   */
  readonly share?: number;
}

/** Words of one map's state in the shader: count, constant maps, broken maps, unused. */
const STATE_WORDS = 4;

/**
 * Running sums of attention on the GPU, for all layers of one size and all phrases of an image. A
 * map whose values differ by less than 1.2e-38, the smallest normal float32, counts as constant.
 */
export class AttentionSums extends Operation {
  /** Side of the square maps. */
  readonly side: number;
  /**
   * Sum over layers of each layer's mean over steps times its share, `[phrases, side, side]`
   * float32; see {@linkcode AttentionSums.average}.
   */
  readonly means: GPUBuffer;
  /** Four words for each map, `[phrases, layers, 4]`; see {@linkcode AttentionSums.readStates}. */
  readonly states: GPUBuffer;
  #options: AttentionSumsOptions;
  #ranges: GPUBuffer;
  /** `[phrases, layers, side, side]` float32. */
  #sums: GPUBuffer;
  /** For each phrase, a buffer with the slot of its first map. */
  #slots: GPUBuffer[];

  /**
   * @throws {RangeError} If the maps are not square, or a token range is empty or outside the maps.
   * Also if there is not one token range for each phrase.
   */
  constructor(gpu: Gpu, options: AttentionSumsOptions) {
    super(gpu, "aggregate", CODE);
    const { phrases, layers, positions, tokens, ranges } = options;
    this.side = squareSide(positions, "attention positions");
    for (const [start, end] of ranges) requireTokenRange(tokens, start, end);
    if (ranges.length !== phrases) {
      throw new RangeError(
        `Cannot aggregate attention: expected ${phrases} token ranges, got ${ranges.length}`,
      );
    }
    const maps = phrases * layers;
    const perMap = ranges.flatMap((range) => Array.from({ length: layers }, () => range).flat());
    this.#options = options;
    this.#ranges = this.hold("token ranges", Uint32Array.from(perMap));
    this.#sums = this.hold("attention sums", maps * positions * 4);
    this.#slots = ranges.map((_, phrase) =>
      this.hold("attention slot", Uint32Array.of(phrase * layers))
    );
    this.states = this.hold("attention states", maps * STATE_WORDS * 4);
    this.means = this.hold("attention means", phrases * positions * 4);
  }

  /** Bytes of {@linkcode AttentionSums.states}. */
  get stateBytes(): number {
    return this.#options.phrases * this.#options.layers * STATE_WORDS * 4;
  }

  /**
   * Records the addition of a phrase's maps, all in one dispatch.
   *
   * @param maps `[steps, layers, positions, tokens]` float32, heads averaged.
   * @param phrase Index of the phrase.
   * @param steps Number of steps in `maps`.
   */
  add(encoder: GPUCommandEncoder, maps: GPUBuffer, phrase: number, steps = 1): void {
    const { positions, tokens, layers } = this.#options;
    const constants = { POSITIONS: positions, TOKENS: tokens, STEPS: steps };
    const slot = this.#slots[phrase]!;
    const buffers = { 0: maps, 1: this.#ranges, 2: this.#sums, 3: this.states, 5: slot };
    this.run(encoder, "add", constants, buffers, [layers, 1, 1]);
  }

  /** Records the computation of {@linkcode AttentionSums.means}. */
  average(encoder: GPUCommandEncoder): void {
    const { positions, phrases, layers, share = 1 / layers } = this.#options;
    // This entry point uses no tokens, but the shader does not compile without the override.
    const constants = { POSITIONS: positions, TOKENS: 1, LAYERS: layers, SHARE: share };
    const buffers = { 2: this.#sums, 3: this.states, 4: this.means };
    this.run(encoder, "average", constants, buffers, [Math.ceil(positions / 64), phrases, 1]);
  }

  /**
   * Counts the constant and the broken maps of one phrase.
   *
   * @param words Content of {@linkcode AttentionSums.states}, read back.
   * @param phrase Index of the phrase.
   */
  readStates(words: Uint32Array, phrase: number): { constantMaps: number; brokenMaps: number } {
    const { layers } = this.#options;
    let constantMaps = 0;
    let brokenMaps = 0;
    for (let layer = 0; layer < layers; layer++) {
      const at = (phrase * layers + layer) * STATE_WORDS;
      constantMaps += words[at + 1]!;
      brokenMaps += words[at + 2]!;
    }
    return { constantMaps, brokenMaps };
  }

  /** Range of the sums of some phrases, for reading back. */
  sumsOf(first: number, count: number): ReadRange {
    const { positions, layers } = this.#options;
    const bytes = 4 * layers * positions;
    return { buffer: this.#sums, from: first * bytes, bytes: count * bytes };
  }

  /**
   * Means over steps for each layer of one phrase.
   *
   * @param sums Sums of this phrase, read back.
   * @param words Content of {@linkcode AttentionSums.states}, read back.
   * @param phrase Index of the phrase.
   */
  readMeans(sums: Float32Array, words: Uint32Array, phrase: number): Float32Array[] {
    const { positions, layers } = this.#options;
    return Array.from({ length: layers }, (_, layer) => {
      const count = words[(phrase * layers + layer) * STATE_WORDS]!;
      return sums.slice(layer * positions, (layer + 1) * positions)
        .map((total) => total / count);
    });
  }
}
