/**
 * A U-Net that is ready to run, whole or as far as its attention is wanted.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { splitGraph } from "../onnx/split.ts";
import type { OutputTensor, Runtime, Values } from "../runtime/runtime.ts";
import { loadGraph } from "./load_graph.ts";
import { buildUnet, type UnetConfig } from "./unet.ts";

/** Cross-attention maps of some layers of one size at one step. */
export interface AttentionMaps {
  /** The layers, counted from 0 in forward order. */
  readonly layers: readonly number[];
  /** Softmax averaged over heads, `[layers, positions, tokens]` row by row. */
  readonly data: Values;
  /** Rows of a map: side times side. */
  readonly positions: number;
  /** Columns of a map. */
  readonly tokens: number;
  /** Gives the memory back where it lies on the GPU, once all that reads it is submitted. */
  release(): void;
}

/** A U-Net in a runtime. */
export interface UnetSession {
  /**
   * The whole U-Net's output.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param context Text embeddings `[positions, width]`.
   * @returns Where the runtime keeps values, to be released.
   */
  predict(latent: Values, timestep: number, context: Values): Promise<OutputTensor>;
  /**
   * The chosen cross-attention maps; the U-Net runs no further than the last of them.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param context Text embeddings `[positions, width]`.
   */
  attend(latent: Values, timestep: number, context: Values): Promise<AttentionMaps[]>;
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
  const { graph, attention } = buildUnet(config, {
    latentSize,
    tokens,
    layers,
    stacked: runtime.gpu !== undefined,
  });
  const names = attention.map(({ name }) => name);
  const { front, back, between } = splitGraph(graph, names);
  const first = await loadGraph(front, checkpoint, runtime);
  const second = await loadGraph(back, checkpoint, runtime).catch(async (error) => {
    await first.release();
    throw error;
  });

  const feeds = (latent: Values, timestep: number, context: Values) => ({
    latent: { data: latent, dims: [1, config.inChannels, latentSize, latentSize] },
    timestep: { data: Float32Array.of(timestep), dims: [1] },
    context: { data: context, dims: [1, tokens, config.contextChannels] },
  });
  return {
    async predict(latent, timestep, context) {
      const inputs = feeds(latent, timestep, context);
      const state = await first.run(pick(front, inputs), between);
      const all = { ...inputs, ...state };
      const { prediction } = await second.run(pick(back, all), ["prediction"]);
      for (const tensor of Object.values(state)) tensor.release();
      return prediction!;
    },
    async attend(latent, timestep, context) {
      const maps = await first.run(pick(front, feeds(latent, timestep, context)), names);
      return attention.map(({ name, layers }) => {
        const { data, dims, release } = maps[name]!;
        const [positions, columns] = dims.slice(-2);
        return { layers, data, positions: positions!, tokens: columns!, release };
      });
    },
    async release() {
      await first.release();
      await second.release();
    },
  };
}

/** The tensors that a graph takes. */
function pick<T>(graph: Graph, tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
