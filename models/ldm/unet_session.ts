/**
 * A U-Net that is ready to run, whole or cut after the last layer that is read.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { splitByInput, splitGraph } from "../onnx/split.ts";
import type { OutputTensor, Runtime, Session, Tensor, TensorData } from "../runtime/runtime.ts";
import { joinValues } from "../runtime/join_values.ts";
import { loadGraph } from "./load_graph.ts";
import { buildUnet } from "./unet.ts";
import type { UnetConfig } from "./unet_config.ts";
import type { WeightType } from "./weights.ts";

/** Cross-attention maps of layers of one size, at one or several steps. */
export interface AttentionMaps {
  /** The layers, counted from 0 in forward order. */
  readonly layers: readonly number[];
  /** Softmax averaged over heads, row-major `[steps, layers, positions, tokens]`. */
  readonly data: TensorData;
  /** Rows of a map: side times side. */
  readonly positions: number;
  /** Columns of a map: one per token, or 1 for a mean over tokens. */
  readonly tokens: number;
  /** Frees memory on the GPU. Call it after submitting every command that reads the maps. */
  release(): void;
}

/** The keys and values of a text in every cross-attention layer of the U-Net. */
export interface Conditioning {
  /** Keys and values by their names in the graph; on the GPU if the runtime has one. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Frees memory on the GPU. */
  release(): void;
}

/** A U-Net in a runtime. */
export interface UnetSession {
  /**
   * Computes the keys and values of a text, which are the same at every step.
   *
   * @param context Text embeddings `[positions, width]`.
   * @returns Keys and values; the caller releases them.
   */
  project(context: TensorData): Promise<Conditioning>;
  /**
   * Runs the whole U-Net.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text Keys and values of the text.
   * @returns The prediction, on the GPU if the runtime has one; the caller releases it.
   */
  predict(latent: TensorData, timestep: number, text: Conditioning): Promise<OutputTensor>;
  /**
   * Computes the chosen cross-attention maps. The U-Net stops after the last chosen layer.
   *
   * @param latents One `[channels, side, side]` per step; all steps go through together.
   * @param timesteps Training timestep of each latent, 0 to 999.
   * @param text Keys and values of the text.
   * @param range First token and one past the last token, if means over these tokens are enough.
   * A runtime on the GPU returns whole maps nevertheless.
   * @returns One item per output of the graph; the caller releases each.
   */
  attend(
    latents: readonly TensorData[],
    timesteps: readonly number[],
    text: Conditioning,
    range?: readonly [start: number, end: number],
  ): Promise<AttentionMaps[]>;
  /** Frees the U-Net's memory. */
  release(): Promise<void>;
}

/** Options of {@linkcode openUnet}. */
export interface OpenUnetOptions {
  /** Side of the latent. */
  readonly latentSize: number;
  /** Number of token positions of the text. */
  readonly tokens: number;
  /** Cross-attention layers to read, at least one. */
  readonly layers: readonly number[];
  /**
   * Type that float32 weights are loaded as.
   *
   * @default {"float32"}
   */
  readonly weights?: WeightType;
  /**
   * Whether each layer has an output of its own on the GPU too.
   *
   * @default {false}
   */
  readonly separate?: boolean;
}

/**
 * Loads a U-Net in three parts, which hold no weight twice.
 *
 * The first part depends on the text alone. The second part ends after the last chosen layer,
 * because a phrase's attention needs no more. The third part completes the prediction.
 *
 * @throws {RangeError} If the model lacks a chosen layer.
 */
export async function openUnet(
  config: UnetConfig,
  checkpoint: Checkpoint,
  runtime: Runtime,
  { latentSize, tokens, layers, weights = "float32", separate = false }: OpenUnetOptions,
): Promise<UnetSession> {
  const { graph, attention } = buildUnet(config, {
    latentSize,
    tokens,
    layers,
    stacked: runtime.gpu !== undefined && !separate,
    // Without a GPU the maps are copied out of the runtime, and means are far smaller.
    tokenMeans: runtime.gpu === undefined,
  });
  const text = splitByInput(graph, "context");
  const ends = attention.flatMap(({ name, meanName }) => meanName ? [name, meanName] : [name]);
  const { front, back, between } = splitGraph(text.back, ends);
  const sessions: Session[] = [];
  const release = async () => {
    for (const session of sessions.splice(0)) await session.release();
  };
  try {
    for (const part of [text.front, front, back]) {
      sessions.push(await loadGraph(part, checkpoint, runtime, weights));
    }
  } catch (error) {
    await release();
    throw error;
  }
  const [projection, first, second] = sessions as [Session, Session, Session];

  const latentLength = config.inChannels * latentSize ** 2;
  const feeds = (
    latent: TensorData,
    timesteps: readonly number[],
    { tensors }: Conditioning,
    [start, end]: readonly [number, number] = [0, tokens],
  ) => ({
    latent: { data: latent, dims: [timesteps.length, config.inChannels, latentSize, latentSize] },
    timestep: { data: Float32Array.from(timesteps), dims: [timesteps.length] },
    token_weights: {
      data: new Float32Array(tokens).fill(1 / (end - start), start, end),
      dims: [tokens, 1],
    },
    ...tensors,
  });
  return {
    async project(context) {
      const dims = [1, tokens, config.contextChannels];
      const tensors = await projection.run({ context: { data: context, dims } }, text.between);
      return {
        tensors,
        release() {
          for (const tensor of Object.values(tensors)) tensor.release();
        },
      };
    },
    async predict(latent, timestep, text) {
      const inputs = feeds(latent, [timestep], text);
      const state = await first.run(pick(front, inputs), between);
      const all = { ...inputs, ...state };
      const { prediction } = await second.run(pick(back, all), ["prediction"]);
      for (const tensor of Object.values(state)) tensor.release();
      return prediction!;
    },
    async attend(latents, timesteps, text, range) {
      const batch = joinValues(runtime.gpu, latents, latentLength);
      try {
        const names = attention.map(({ name, meanName }) => range && meanName || name);
        const inputs = feeds(batch.data, timesteps, text, range);
        const maps = await first.run(pick(front, inputs), names);
        return attention.map(({ layers }, i) => {
          const { data, dims, release } = maps[names[i]!]!;
          const [positions, columns] = dims.slice(-2);
          return { layers, data, positions: positions!, tokens: columns!, release };
        });
      } finally {
        batch.release();
      }
    },
    release,
  };
}

/** Picks the tensors that a graph has as inputs. */
function pick<T>(graph: Graph, tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
