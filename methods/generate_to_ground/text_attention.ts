/**
 * The bias of a text: attention to a phrase's words while an image is made from the phrase alone.
 *
 * @module
 */

import type { LdmModel } from "../../models/ldm/model.ts";
import type { EncodedPhrase } from "../../models/tokenizer.ts";
import { TrajectoryCache } from "../../pipeline/trajectory_cache.ts";
import { generate, readMaps } from "../generate.ts";
import type { PassOptions } from "../phrase_method.ts";
import { stepLength, TextMaps } from "./sums.ts";

/** Guidance of the released code, which reaches the maps only through this image. */
const GUIDANCE = 16;

/** Phrases that are kept in memory, 5.4 MB each at full size. */
const KEPT_PHRASES = 8;

/** Facts that decide the attention of a phrase, beside the model. */
export interface TextAttentionSettings {
  /** Number of steps. */
  readonly steps: number;
  /** Seed of the noise to begin with. */
  readonly seed: number;
  /** Folder to keep the attention in; absent for none. */
  readonly cache?: string;
}

/** Makes the attention of phrases, and keeps it: it depends on no X-ray. */
export class TextAttention {
  readonly #kept = new Map<string, TextMaps>();
  #cache: Promise<TrajectoryCache> | undefined;

  /**
   * @param model A model that reads all layers, with sums over tokens.
   * @param sides Side of each layer's map.
   * @param settings Steps, seed and folder.
   * @param start Makes the noise to begin with, the same for each phrase.
   */
  constructor(
    readonly model: LdmModel,
    readonly sides: readonly number[],
    readonly settings: TextAttentionSettings,
    readonly start: () => Float32Array,
  ) {}

  /**
   * The attention of a phrase, from memory or the folder if it is there.
   *
   * @param tokens Tokens to average.
   */
  async of(
    phrase: EncodedPhrase,
    tokens: readonly number[],
    options: PassOptions,
  ): Promise<TextMaps> {
    const key = `${phrase.ids} ${phrase.masked} ${tokens}`;
    const known = this.#kept.get(key);
    if (known) {
      options.onPass(generatePasses(this.settings.steps));
      return known;
    }
    const maps = new TextMaps(this.sides, await this.#load(phrase, tokens, options));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= KEPT_PHRASES && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, maps);
    return maps;
  }

  async #load(
    phrase: EncodedPhrase,
    tokens: readonly number[],
    options: PassOptions,
  ): Promise<Float32Array> {
    const { cache: folder, steps, seed } = this.settings;
    if (folder === undefined) return await this.#make(phrase, tokens, options);
    const cache = await (this.#cache ??= TrajectoryCache.open(folder, options.onNotice));
    const { ids, masked = false } = phrase;
    const facts = { kind: "text attention", ids, masked, tokens, steps, seed, GUIDANCE };
    const key = await cache.phraseKey(this.model, facts);
    const known = await cache.read(key, steps * stepLength(this.sides));
    if (known) {
      options.onPass(generatePasses(steps));
      return known;
    }
    const made = await this.#make(phrase, tokens, options);
    await cache.write(key, made);
    return made;
  }

  async #make(
    phrase: EncodedPhrase,
    tokens: readonly number[],
    { signal, onPass }: PassOptions,
  ): Promise<Float32Array> {
    const { steps } = this.settings;
    const values = new Float32Array(steps * stepLength(this.sides));
    let at = 0;
    const made = generate(this.model, phrase, {
      steps,
      guidance: GUIDANCE,
      start: this.start(),
      columns: [tokenMean(tokens, phrase.ids.length)],
      ...(signal && { signal }),
    });
    for await (const { maps } of made) {
      for (const map of inLayerOrder(maps, await readMaps(this.model, maps, 1))) {
        values.set(map, at);
        at += map.length;
      }
      // A step takes a pass for the phrase and a pass for the empty phrase, but the last only one.
      onPass(at < values.length ? 2 : 1);
    }
    return values;
  }
}

/** Passes of {@linkcode generate}: the last step needs no prediction of the empty phrase. */
export function generatePasses(steps: number): number {
  return 2 * steps - 1;
}

/** Weights of a mean over some tokens; a token that occurs twice weighs twice. */
export function tokenMean(tokens: readonly number[], length: number): Float32Array {
  const weights = new Float32Array(length);
  for (const token of tokens) weights[token]! += 1 / tokens.length;
  return weights;
}

/** The maps of one step in the order of layers, `[positions, columns]` each. */
export function inLayerOrder(
  maps: readonly { readonly layers: readonly number[] }[],
  values: readonly Float32Array[],
): Float32Array[] {
  const found: Float32Array[] = [];
  maps.forEach(({ layers }, i) => {
    const length = values[i]!.length / layers.length;
    layers.forEach((layer, j) => found[layer] = values[i]!.subarray(j * length, (j + 1) * length));
  });
  return found;
}
