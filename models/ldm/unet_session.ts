/**
 * A U-Net that is ready to run, whole or as far as its attention is wanted.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import type { Graph } from "../onnx/graph.ts";
import { splitByInput, splitGraph } from "../onnx/split.ts";
import type { OutputTensor, Runtime, Session, Tensor, Values } from "../runtime/runtime.ts";
import { loadGraph } from "./load_graph.ts";
import { buildUnet, type UnetConfig } from "./unet.ts";
import type { WeightType } from "./weights.ts";

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
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text What to attend to.
   */
  attend(latent: Values, timestep: number, text: Conditioning): Promise<AttentionMaps[]>;
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
  { latentSize, tokens, layers, weights = "float32" }: OpenUnetOptions,
): Promise<UnetSession> {
  const { graph, attention } = buildUnet(config, {
    latentSize,
    tokens,
    layers,
    stacked: runtime.gpu !== undefined,
  });
  const names = attention.map(({ name }) => name);
  const text = splitByInput(graph, "context");
  const { front, back, between } = splitGraph(text.back, names);
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

  const feeds = (latent: Values, timestep: number, { tensors }: Conditioning) => ({
    latent: { data: latent, dims: [1, config.inChannels, latentSize, latentSize] },
    timestep: { data: Float32Array.of(timestep), dims: [1] },
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
      const inputs = feeds(latent, timestep, text);
      const state = await first.run(pick(front, inputs), between);
      const all = { ...inputs, ...state };
      const { prediction } = await second.run(pick(back, all), ["prediction"]);
      for (const tensor of Object.values(state)) tensor.release();
      return prediction!;
    },
    async attend(latent, timestep, text) {
      const maps = await first.run(pick(front, feeds(latent, timestep, text)), names);
      return attention.map(({ name, layers }) => {
        const { data, dims, release } = maps[name]!;
        const [positions, columns] = dims.slice(-2);
        return { layers, data, positions: positions!, tokens: columns!, release };
      });
    },
    release,
  };
}

/** The tensors that a graph takes. */
function pick<T>(graph: Graph, tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
