/**
 * A latent diffusion model that is ready to run.
 *
 * @module
 */

import { elementCount } from "../onnx/graph.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import { buildEncoder, downsampling } from "./autoencoder.ts";
import type { Bundle } from "./bundle.ts";
import { buildTextEncoder } from "./clip_text.ts";
import { floats, loadGraph } from "./load_graph.ts";
import { openUnet, type UnetSession } from "./unet_session.ts";

/** The networks of a latent diffusion model behind the four things the pipeline asks of them. */
export interface LdmModel extends Pick<UnetSession, "predict" | "attend"> {
  /** What it was loaded from. */
  readonly bundle: Bundle;
  /** What it runs on. */
  readonly runtime: Runtime;
  /** Its noise schedule. */
  readonly scheduler: Scheduler;
  /** Cross-attention layers that {@linkcode LdmModel.attend} reads, ascending. */
  readonly layers: readonly number[];
  /**
   * Image to scaled latent.
   *
   * @param image `[size, size]` in 0..1.
   * @returns `[channels, side, side]`, the mean times the scale factor.
   */
  encode(image: Float32Array): Promise<Float32Array>;
  /**
   * Phrase to text embeddings.
   *
   * @returns `[positions, width]`.
   */
  embed(phrase: EncodedPhrase): Promise<Float32Array>;
  /** Frees the memory of all networks. */
  close(): Promise<void>;
}

/** Options of {@linkcode openModel}. */
export interface OpenModelOptions {
  /**
   * Cross-attention layers to read, counted from 0 in forward order, or all.
   *
   * @default {[3, 4, 6, 7]}
   */
  layers?: readonly number[] | "all";
}

/** Layers that the released code reads; the paper counts them from 1 (METHOD section 4). */
export const DEFAULT_LAYERS: readonly number[] = [3, 4, 6, 7];

/** Embeddings that are kept: the empty phrase and its like come again with every image. */
const KEPT_PHRASES = 32;

/**
 * Loads a bundle's networks into a runtime.
 *
 * @throws {RangeError} If a layer is asked for that the model does not have.
 */
export async function openModel(
  bundle: Bundle,
  runtime: Runtime,
  options: OpenModelOptions = {},
): Promise<LdmModel> {
  const { config, text, checkpoints } = bundle;
  const layers = chooseLayers(options.layers ?? DEFAULT_LAYERS, bundle.crossAttentionLayers);
  const { imageSize, scaleFactor, autoencoder } = config;
  const sessions: { release(): Promise<void> }[] = [];
  const keep = async <T extends { release(): Promise<void> }>(loading: Promise<T>) => {
    const session = await loading;
    sessions.push(session);
    return session;
  };
  const close = async () => {
    for (const session of sessions.splice(0)) await session.release();
  };
  try {
    const unet = await keep(openUnet(config.unet, checkpoints.unet, runtime, {
      latentSize: imageSize / downsampling(autoencoder),
      tokens: text.config.positions,
      layers,
    }));
    const encoder = await keep(
      loadGraph(buildEncoder(autoencoder, imageSize), checkpoints.autoencoder, runtime),
    );
    const textEncoder = await keep(
      loadGraph(buildTextEncoder(text.config), checkpoints.textEncoder, runtime),
    );
    const embedded = new Map<string, Float32Array>();
    return {
      bundle,
      runtime,
      scheduler: new Scheduler(config.scheduler),
      layers,
      predict: unet.predict,
      attend: unet.attend,
      async encode(image) {
        const dims = [1, autoencoder.inChannels, imageSize, imageSize];
        if (image.length !== elementCount(dims)) {
          throw new RangeError(
            `Cannot encode an image of ${image.length} values: expected [${dims}]`,
          );
        }
        const { latent } = await encoder.run({ image: { data: image, dims } }, ["latent"]);
        return floats(latent).map((value) => value * scaleFactor);
      },
      async embed({ ids }) {
        const key = ids.join();
        const known = embedded.get(key);
        if (known) return known;
        const data = BigInt64Array.from(ids, BigInt);
        const inputs = { input_ids: { data, dims: [1, ids.length] } };
        const embeddings = floats((await textEncoder.run(inputs, ["embeddings"])).embeddings);
        const [oldest] = embedded.keys();
        if (embedded.size >= KEPT_PHRASES && oldest !== undefined) embedded.delete(oldest);
        embedded.set(key, embeddings);
        return embeddings;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Chosen layers in ascending order, checked against how many there are. */
export function chooseLayers(layers: readonly number[] | "all", count: number): number[] {
  if (layers === "all") return Array.from({ length: count }, (_, layer) => layer);
  const chosen = [...new Set(layers)].sort((a, b) => a - b);
  const wrong = chosen.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= count);
  if (chosen.length === 0 || wrong !== undefined) {
    throw new RangeError(
      `Cannot read cross-attention ${wrong === undefined ? "of no layer" : `layer ${wrong}`}: ` +
        `the model has ${count}, numbered 0 to ${count - 1}`,
    );
  }
  return chosen;
}
