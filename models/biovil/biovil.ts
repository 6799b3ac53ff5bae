/**
 * BioViL and BioViL-T: the similarity of a phrase to each patch of an image.
 *
 * @module
 */

import { gaussianBlur } from "../../shaders/gaussian_cpu.ts";
import { loadGraphs } from "../ldm/load_graph.ts";
import type { GridModel } from "../grid_model.ts";
import type { GrayImage } from "../../base/geometry.ts";
import { takeOutput } from "../runtime/read_values.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { type BiovilVariant, loadBiovil } from "./bundle.ts";
import { CELL } from "../onnx/resnet.ts";
import { preprocess } from "./preprocess.ts";

/** BioViL or BioViL-T, ready to ground phrases. */
export interface Biovil extends GridModel {
  /** Name of the model, as in options. */
  readonly name: BiovilVariant;
  /** The runtime that runs the model. */
  readonly runtime: Runtime;
  /** SHA-256 over the model's weights, in hexadecimal; reads every byte once. */
  hash(): Promise<string>;
  close(): Promise<void>;
  /**
   * Embeds the patches of an image.
   *
   * @returns Projected patches `[joint, side, side]`, each of length 1 along the channels.
   */
  embedImage(image: GrayImage): Promise<Float32Array>;
  /**
   * Embeds a phrase. The model keeps the embeddings of the latest phrases.
   *
   * @returns The projected embedding `[joint]`, of length 1. Callers share it and must not change
   * it.
   * @throws {RangeError} If the phrase has too many tokens.
   * @throws {SyntaxError} If the phrase contains a special token of BERT other than [MASK].
   */
  embedPhrase(phrase: string): Promise<Float32Array>;
}

/** Sigma of the smoothing, in patches (`_get_similarity_map_from_embeddings`, hi-ml-multimodal). */
const SIGMA = 1.5;

/** Number of phrases to keep embeddings of, 512 bytes each. */
const KEPT_PHRASES = 4096;

/**
 * Loads BioViL or BioViL-T into a runtime.
 *
 * @param folder Folder of the published files.
 * @param runtime Runtime for the model; closing the model leaves its GPU open.
 * @param variant Which of the two models to load from the folder.
 * @throws {NotFound} If a file is missing.
 * @throws {SyntaxError} If a file is malformed.
 * @throws {RangeError} If the weights do not match the architecture.
 *
 * @example Usage
 * ```ts ignore
 * import { openRuntime } from "../runtime/open_runtime.ts";
 * import { openBiovil } from "./biovil.ts";
 *
 * const runtime = await openRuntime("native");
 * const biovil = await openBiovil("biovil", runtime, "biovil");
 * const image = { width: 640, height: 512, data: new Uint8Array(640 * 512) };
 * const [heatmap] = await biovil.ground(image, ["left pleural effusion"]);
 * console.log(heatmap!.side); // 15
 * await biovil.close();
 * ```
 */
export async function openBiovil(
  folder: string,
  runtime: Runtime,
  variant: BiovilVariant,
): Promise<Biovil> {
  const { image, text, view, wordPieces, hash } = await loadBiovil(folder, variant);
  const side = view.crop / CELL;
  const [imageEncoder, textEncoder] = await loadGraphs([image, text], runtime, "float32");
  const embeddings = new Map<string, Float32Array>();

  const embedImage = async (image: GrayImage) => {
    const data = new Float32Array(preprocess(image, view)).map((value) => value / 255);
    const dims = [1, 1, view.crop, view.crop];
    const { patches } = await imageEncoder.run({ image: { data, dims } }, ["patches"]);
    return await takeOutput(runtime.gpu, patches!);
  };
  const embedPhrase = async (phrase: string) => {
    const known = embeddings.get(phrase);
    if (known) return known;
    const ids = BigInt64Array.from(wordPieces.encode(phrase), BigInt);
    const dims = [1, ids.length];
    const feeds = {
      input_ids: { data: ids, dims },
      position_ids: { data: ids.map((_, i) => BigInt(i)), dims },
    };
    const output = await textEncoder.run(feeds, ["embedding"]);
    const embedding = await takeOutput(runtime.gpu, output.embedding!);
    const [oldest] = embeddings.keys();
    if (embeddings.size >= KEPT_PHRASES) embeddings.delete(oldest!);
    embeddings.set(phrase, embedding);
    return embedding;
  };
  return {
    name: variant,
    view,
    runtime,
    embedImage,
    embedPhrase,
    async ground(image, phrases, { signal } = {}) {
      signal?.throwIfAborted();
      // Phrases come first, so that an unreadable phrase fails before the long run on the image.
      const texts = [];
      for (const phrase of phrases) {
        texts.push(await embedPhrase(phrase));
        signal?.throwIfAborted();
      }
      const patches = await embedImage(image);
      signal?.throwIfAborted();
      return texts.map((text) => ({
        values: gaussianBlur(similarities(patches, text), side, side, SIGMA),
        side,
      }));
    },
    notes: (phrase) => wordPieces.notes(phrase),
    hash,
    async close() {
      await imageEncoder.release();
      await textEncoder.release();
    },
  };
}

/** Cosine similarity of each patch `[joint, patches]` to a phrase `[joint]`, all of length 1. */
function similarities(patches: Float32Array, text: Float32Array): Float32Array {
  const count = patches.length / text.length;
  const sums = new Float64Array(count);
  for (const [channel, weight] of text.entries()) {
    const row = channel * count;
    for (let patch = 0; patch < count; patch++) sums[patch]! += patches[row + patch]! * weight;
  }
  return Float32Array.from(sums);
}
