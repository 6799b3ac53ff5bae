/**
 * A U-Net that is ready to run, whole or as far as its attention is wanted.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { splitByInput, splitGraph } from "../onnx/split.ts";
import type { OutputTensor, Runtime, Session, Tensor, Values } from "../runtime/runtime.ts";
import { joinValues } from "../runtime/join_values.ts";
import { loadGraph } from "./load_graph.ts";
import { buildUnet } from "./unet.ts";
import type { UnetConfig } from "./unet_config.ts";
import type { WeightType } from "./weights.ts";

/** Cross-attention maps of some layers of one size at one or several steps. */
export interface AttentionMaps {
  /** The layers, counted from 0 in forward order. */
  readonly layers: readonly number[];
  /** Softmax averaged over heads, `[steps, layers, positions, tokens]` row by row. */
  readonly data: Values;
  /** Rows of a map: side times side. */
  readonly positions: number;
  /** Columns of a map: 1 where it is a mean over tokens. */
  readonly tokens: number;
  /** Gives the memory back where it lies on the GPU, once all that reads it is submitted. */
  release(): void;
}

/** A text as the U-Net attends to it: keys and values of every cross-attention layer. */
export interface Conditioning {
  /** Where the runtime keeps values, by their names in the graph. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Gives the memory back where it lies on the GPU. */
  release(): void;
}

/** A U-Net in a runtime. */
export interface UnetSession {
  /**
   * Keys and values of a text: the same at every step.
   *
   * @param context Text embeddings `[positions, width]`.
   * @returns To be released.
   */
  project(context: Values): Promise<Conditioning>;
  /**
   * The whole U-Net's output.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text What to attend to.
   * @returns Where the runtime keeps values, to be released.
   */
  predict(latent: Values, timestep: number, text: Conditioning): Promise<OutputTensor>;
  /**
   * The chosen cross-attention maps; the U-Net runs no further than the last of them.
   *
   * @param latents One `[channels, side, side]` a step; all go through together.
   * @param timesteps Training timestep of each, 0 to 999.
   * @param text What to attend to.
   * @param range First token that counts and one past the last, if means over them
   * are enough; a runtime on the GPU gives the maps whole nevertheless.
   */
  attend(
    latents: readonly Values[],
    timesteps: readonly number[],
    text: Conditioning,
    range?: readonly [start: number, end: number],
  ): Promise<AttentionMaps[]>;
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
  /**
   * What to load float32 weights as.
   *
   * @default {"float32"}
   */
  readonly weights?: WeightType;
  /**
   * Whether each layer's maps come by themselves on the GPU too.
   *
   * @default {false}
   */
  readonly separate?: boolean;
}

/**
 * Loads a U-Net in three parts, of which no weight is held twice: what the text
 * alone decides, and the rest cut after the last chosen layer, since a phrase
 * needs no more of it.
 *
 * @throws {RangeError} If a layer is asked for that the model does not have.
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
    // Where maps leave the runtime, little of them needs to.
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
    latent: Values,
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

/** The tensors that a graph takes. */
function pick<T>(graph: Graph, tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
