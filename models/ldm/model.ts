/**
 * A latent diffusion model that is ready to run.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import { encodeModel } from "../onnx/encode.ts";
import { elementCount, type Graph } from "../onnx/graph.ts";
import { splitGraph } from "../onnx/split.ts";
import type { Runtime, Session, Tensor } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import { buildEncoder, downsampling } from "./autoencoder.ts";
import type { Bundle } from "./bundle.ts";
import { buildTextEncoder } from "./clip_text.ts";
import { buildUnet } from "./unet.ts";
import { locateWeights } from "./weights.ts";

/** One cross-attention layer's map at one step. */
export interface AttentionMap {
  /** Layer, counted from 0 in forward order. */
  readonly layer: number;
  /** Softmax averaged over heads, `[positions, tokens]` row by row. */
  readonly data: Float32Array;
  /** Rows of the map: side times side. */
  readonly positions: number;
  /** Columns of the map. */
  readonly tokens: number;
}

/** The networks of a latent diffusion model behind the four things the pipeline asks of them. */
export interface LdmModel {
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
  /**
   * The U-Net's whole output.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param context Text embeddings `[positions, width]`.
   */
  predict(latent: Float32Array, timestep: number, context: Float32Array): Promise<Float32Array>;
  /**
   * The chosen cross-attention maps; the U-Net runs no further than the last of them.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param context Text embeddings `[positions, width]`.
   */
  attend(latent: Float32Array, timestep: number, context: Float32Array): Promise<AttentionMap[]>;
  /** Frees the memory of all networks. */
  close(): Promise<void>;
}

/** Options of {@linkcode openModel}. */
export interface OpenModelOptions {
  /**
   * Cross-attention layers to read, counted from 0 in forward order.
   *
   * @default {[3, 4, 6, 7]}
   */
  layers?: readonly number[];
}

/** Layers that the released code reads; the paper counts them from 1 (METHOD section 4). */
export const DEFAULT_LAYERS: readonly number[] = [3, 4, 6, 7];

/** Embeddings that are kept: the empty phrase and its like come again with every image. */
const KEPT_PHRASES = 32;

/**
 * Loads a bundle's networks into a runtime.
 *
 * The U-Net is loaded in two parts, cut after the last chosen layer: a phrase
 * needs only the first, and the prediction runs both, so that no weight is
 * held twice.
 *
 * @throws {RangeError} If a layer is asked for that the model does not have.
 */
export async function openModel(
  bundle: Bundle,
  runtime: Runtime,
  options: OpenModelOptions = {},
): Promise<LdmModel> {
  const layers = [...new Set(options.layers ?? DEFAULT_LAYERS)].sort((a, b) => a - b);
  if (layers.length === 0) throw new RangeError("Cannot read attention: no layer was chosen");
  const { config, text, checkpoints } = bundle;
  const { imageSize, scaleFactor } = config;
  const { positions, hidden } = text.config;
  const side = imageSize / downsampling(config.autoencoder);
  const latentDims = [1, config.unet.inChannels, side, side];

  const names = layers.map((layer) => `attention_${layer}`);
  const unet = buildUnet(config.unet, { latentSize: side, tokens: positions, layers }).graph;
  const { front, back, between } = splitGraph(unet, names);

  const sessions: Session[] = [];
  const load = async (graph: Graph, checkpoint: Checkpoint) => {
    const session = await loadGraph(graph, checkpoint, runtime);
    sessions.push(session);
    return session;
  };
  const close = async () => {
    for (const session of sessions.splice(0)) await session.release();
  };
  try {
    const frontSession = await load(front, checkpoints.unet);
    const backSession = back && await load(back, checkpoints.unet);
    const encoder = await load(buildEncoder(config.autoencoder, imageSize), checkpoints.autoencoder);
    const textEncoder = await load(buildTextEncoder(text.config), checkpoints.textEncoder);

    const embedded = new Map<string, Float32Array>();
    const feeds = (latent: Float32Array, timestep: number, context: Float32Array) => ({
      latent: { data: latent, dims: latentDims },
      timestep: { data: Float32Array.of(timestep), dims: [1] },
      context: { data: context, dims: [1, positions, hidden] },
    });
    return {
      bundle,
      runtime,
      scheduler: new Scheduler(config.scheduler),
      layers,
      async encode(image) {
        const dims = [1, config.autoencoder.inChannels, imageSize, imageSize];
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
        const { embeddings } = await textEncoder.run(inputs, ["embeddings"]);
        const [oldest] = embedded.keys();
        if (embedded.size >= KEPT_PHRASES && oldest !== undefined) embedded.delete(oldest);
        embedded.set(key, floats(embeddings));
        return floats(embeddings);
      },
      async predict(latent, timestep, context) {
        const inputs = feeds(latent, timestep, context);
        const state = await frontSession.run(only(inputs, front), between);
        const rest = only({ ...inputs, ...state }, back!);
        const { prediction } = await backSession!.run(rest, ["prediction"]);
        return floats(prediction);
      },
      async attend(latent, timestep, context) {
        const maps = await frontSession.run(only(feeds(latent, timestep, context), front), names);
        return layers.map((layer) => {
          const map = maps[`attention_${layer}`]!;
          const [, rows, columns] = map.dims;
          return { layer, data: floats(map), positions: rows!, tokens: columns! };
        });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Loads one graph with its weights left in the checkpoint's file. */
async function loadGraph(graph: Graph, checkpoint: Checkpoint, runtime: Runtime): Promise<Session> {
  // Model hubs keep files behind links, and a runtime accepts only the file itself.
  const path = await Deno.realPath(checkpoint.path);
  const location = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  const sources = await locateWeights(graph, checkpoint, location);
  try {
    return await runtime.load(encodeModel(graph, sources), { location, path });
  } catch (error) {
    throw new Error(
      `Cannot load "${checkpoint.path}" into ${runtime.version}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** The tensors that a graph takes. */
function only(tensors: Readonly<Record<string, Tensor>>, graph: Graph): Record<string, Tensor> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("A network gave no float32 output");
  return tensor.data;
}
