/**
 * A U-Net that is ready to run, whole or as far as its attention is wanted.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { splitGraph } from "../onnx/split.ts";
import type { Runtime, Tensor } from "../runtime/runtime.ts";
import { floats, loadGraph } from "./load_graph.ts";
import { buildUnet, type UnetConfig } from "./unet.ts";

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

/** A U-Net in a runtime. */
export interface UnetSession {
  /**
   * The whole U-Net's output.
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
  /** Frees its memory. */
  release(): Promise<void>;
}

/** What {@linkcode openUnet} needs to know besides the architecture. */
export interface OpenUnetOptions {
  /** Side of the latent. */
  readonly latentSize: number;
  /** Number of token positions of the text. */
  readonly tokens: number;
  /** Cross-attention layers that are read, at least one. */
  readonly layers: readonly number[];
}

/**
 * Loads a U-Net in two parts, cut after the last chosen layer: a phrase needs
 * only the first, the prediction runs both, and no weight is held twice.
 *
 * @throws {RangeError} If a layer is asked for that the model does not have.
 */
export async function openUnet(
  config: UnetConfig,
  checkpoint: Checkpoint,
  runtime: Runtime,
  { latentSize, tokens, layers }: OpenUnetOptions,
): Promise<UnetSession> {
  const names = layers.map((layer) => `attention_${layer}`);
  const { graph } = buildUnet(config, { latentSize, tokens, layers });
  const { front, back, between } = splitGraph(graph, names);
  const first = await loadGraph(front, checkpoint, runtime);
  const second = await loadGraph(back, checkpoint, runtime).catch(async (error) => {
    await first.release();
    throw error;
  });

  const feeds = (latent: Float32Array, timestep: number, context: Float32Array) => ({
    latent: { data: latent, dims: [1, config.inChannels, latentSize, latentSize] },
    timestep: { data: Float32Array.of(timestep), dims: [1] },
    context: { data: context, dims: [1, tokens, config.contextChannels] },
  });
  return {
    async predict(latent, timestep, context) {
      const inputs = feeds(latent, timestep, context);
      const state = await first.run(inputsOf(front, inputs), between);
      const outputs = await second.run(inputsOf(back, { ...inputs, ...state }), ["prediction"]);
      return floats(outputs.prediction);
    },
    async attend(latent, timestep, context) {
      const maps = await first.run(inputsOf(front, feeds(latent, timestep, context)), names);
      return layers.map((layer, i) => {
        const map = maps[names[i]!]!;
        const [, rows, columns] = map.dims;
        return { layer, data: floats(map), positions: rows!, tokens: columns! };
      });
    },
    async release() {
      await first.release();
      await second.release();
    },
  };
}

/** The tensors that a graph takes. */
function inputsOf(graph: Graph, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
