import type { Checkpoint } from "../checkpoint/mod.ts";
import { elementCount, type Graph } from "../onnx/graph.ts";
import { splitByInput, splitGraph } from "../onnx/split.ts";
import type { OutputTensor, Runtime, Session, Tensor, TensorData } from "../runtime/runtime.ts";
import { joinValues } from "../runtime/join_values.ts";
import { loadGraphs } from "./load_graph.ts";
import { buildUnet } from "./unet.ts";
import type { UnetConfig } from "./unet_config.ts";
import type { WeightType } from "./weights.ts";

/** Cross-attention maps of layers of one size, at one or several steps. */
export interface AttentionMaps {
  /** The layers, counted from 0 in forward order. */
  readonly layers: readonly number[];
  /**
   * Softmax averaged over heads, row-major `[steps, layers, positions, tokens]`. If each head has
   * a map, the shape is `[steps, heads, positions, tokens]`, and there is one layer.
   */
  readonly data: TensorData;
  /** Maps of each layer: its heads, or 1 for their mean. */
  readonly heads: number;
  /** Rows of a map: side times side. */
  readonly positions: number;
  /** Columns of a map: one per token, one per weighted sum, or 1 for a mean over tokens. */
  readonly tokens: number;
  /** Frees memory on the GPU. Call it after submitting every command that reads the maps. */
  release(): void;
}

/**
 * Columns of a map in place of its tokens: the first token and one past the last for their mean,
 * or for each weighted sum the weight of every token.
 */
export type Columns = readonly [start: number, end: number] | readonly Float32Array[];

/** The keys and values of a text in every cross-attention layer of the U-Net. */
export interface Conditioning {
  /** Keys and values by their names in the graph; on the GPU if the runtime has one. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Frees memory on the GPU. */
  release(): void;
}

/**
 * The part of a pass that no text changes, at one or several steps: all before the first
 * cross-attention, and the shifts by the timestep of every residual block.
 */
export interface Trunk {
  /** Number of steps. */
  readonly count: number;
  /** Results by their names in the graph, 20 MB a step at full size; on the GPU if there is one. */
  readonly tensors: Readonly<Record<string, OutputTensor>>;
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
   * Computes the part of some passes that no text changes. All texts may share it.
   *
   * @param latents One `[channels, side, side]` per step; all steps go through together.
   * @param timesteps Training timestep of each latent, 0 to 999.
   * @returns The caller releases it.
   */
  trunk(latents: readonly TensorData[], timesteps: readonly number[]): Promise<Trunk>;
  /**
   * Joins trunks of one step each for {@linkcode attend}, and releases them. The prediction's part
   * is dropped, unless there is one trunk alone.
   *
   * @param trunks Trunks in the order of the steps, at least one.
   * @returns The caller releases it.
   */
  joinTrunks(trunks: readonly Trunk[]): Trunk;
  /**
   * Runs the whole U-Net.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text Keys and values of the text.
   * @param trunk Trunk of this latent and timestep; by default it is computed.
   * @returns The prediction, on the GPU if the runtime has one; the caller releases it.
   */
  predict(
    latent: TensorData,
    timestep: number,
    text: Conditioning,
    trunk?: Trunk,
  ): Promise<OutputTensor>;
  /**
   * Computes the chosen cross-attention maps. The U-Net stops after the last chosen layer.
   *
   * @param latents One `[channels, side, side]` per step; all steps go through together.
   * @param timesteps Training timestep of each latent, 0 to 999.
   * @param text Keys and values of the text.
   * @param columns The columns of the maps; by default each token. A runtime on the GPU returns
   * whole maps nevertheless, unless the U-Net was opened with `tokenSums`.
   * @param trunk Trunk of these latents and timesteps; by default it is computed.
   * @returns One item per output of the graph; the caller releases each.
   */
  attend(
    latents: readonly TensorData[],
    timesteps: readonly number[],
    text: Conditioning,
    columns?: Columns,
    trunk?: Trunk,
  ): Promise<AttentionMaps[]>;
  /**
   * Runs the whole U-Net once, for the prediction and the chosen cross-attention maps.
   *
   * @param columns The columns of the maps, as for {@linkcode attend}; all else as for
   * {@linkcode predict}.
   * @returns The caller releases the prediction and each item of the maps.
   */
  predictAndAttend(
    latent: TensorData,
    timestep: number,
    text: Conditioning,
    columns?: Columns,
    trunk?: Trunk,
  ): Promise<{ prediction: OutputTensor; maps: AttentionMaps[] }>;
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
  /**
   * Each head has a map of its own; then each layer has an output of its own too.
   *
   * @default {false}
   */
  readonly eachHead?: boolean;
  /**
   * Maps on the GPU can be reduced to columns. Without a GPU they always can.
   *
   * @default {false}
   */
  readonly tokenSums?: boolean;
}

/**
 * Loads a U-Net in four parts, which hold no weight twice.
 *
 * The first part depends on the text alone, the second on latent and timestep alone. The third part
 * ends after the last chosen layer, because a phrase's attention needs no more. The fourth part
 * completes the prediction.
 *
 * @throws {RangeError} If the model lacks a chosen layer.
 */
export async function openUnet(
  config: UnetConfig,
  checkpoint: Checkpoint,
  runtime: Runtime,
  options: OpenUnetOptions,
): Promise<UnetSession> {
  const { latentSize, tokens, layers, weights = "float32" } = options;
  const { separate = false, eachHead = false, tokenSums = false } = options;
  const { graph, attention } = buildUnet(config, {
    latentSize,
    tokens,
    layers,
    stacked: runtime.gpu !== undefined && !separate && !eachHead,
    eachHead,
    // Without a GPU the maps are copied out of the runtime, and sums are far smaller.
    tokenSums: tokenSums || runtime.gpu === undefined,
  });
  const text = splitByInput(graph, "context");
  const ends = attention.flatMap(({ name, sumName }) => sumName ? [name, sumName] : [name]);
  const shared = splitByInput(text.back, "latent", "timestep");
  const { front, back, between } = splitGraph(shared.back, ends);
  const parts = [text.front, shared.front, front, back].map((graph) => ({ graph, checkpoint }));
  const sessions: Session[] = await loadGraphs(parts, runtime, weights);
  const release = async () => {
    for (const session of sessions.splice(0)) await session.release();
  };
  const [projection, opening, first, second] = sessions as [Session, Session, Session, Session];

  const latentLength = config.inChannels * latentSize ** 2;
  const held = (tensors: Readonly<Record<string, OutputTensor>>) => ({
    tensors,
    release() {
      for (const tensor of Object.values(tensors)) tensor.release();
    },
  });
  const computeTrunk: UnetSession["trunk"] = async (latents, timesteps) => {
    const count = latents.length;
    const batch = joinValues(runtime.gpu, latents, latentLength);
    try {
      const dims = [count, config.inChannels, latentSize, latentSize];
      const latent = { data: batch.data, dims };
      const timestep = { data: Float32Array.from(timesteps), dims: [count] };
      return { count, ...held(await opening.run({ latent, timestep }, shared.between)) };
    } finally {
      batch.release();
    }
  };
  /** Works with the inputs of the later parts; a trunk that is computed here is released here. */
  const withInputs = async <T>(
    latents: readonly TensorData[],
    timesteps: readonly number[],
    text: Conditioning,
    columns: Columns = [0, tokens],
    given: Trunk | undefined,
    work: (inputs: Readonly<Record<string, Tensor>>) => Promise<T>,
  ): Promise<T> => {
    const token_weights = tokenWeights(columns, tokens);
    const trunk = given ?? await computeTrunk(latents, timesteps);
    try {
      return await work({ token_weights, ...text.tensors, ...trunk.tensors });
    } finally {
      if (trunk !== given) trunk.release();
    }
  };
  const namesOf = (columns: Columns | undefined) =>
    attention.map(({ name, sumName }) => columns && sumName || name);
  const toMaps = (outputs: Readonly<Record<string, OutputTensor>>, names: readonly string[]) =>
    attention.map(({ layers, heads }, i): AttentionMaps => {
      const { data, dims, release } = outputs[names[i]!]!;
      const [positions, columns] = dims.slice(-2) as [number, number];
      return { layers, heads, data, positions, tokens: columns, release };
    });
  /** Runs both parts; the caller releases the prediction and the named outputs of the first part. */
  const runWhole = async (inputs: Readonly<Record<string, Tensor>>, names: readonly string[]) => {
    const state = await first.run(pick(front, inputs), [...new Set([...between, ...names])]);
    const { prediction } = await second.run(pick(back, { ...inputs, ...state }), ["prediction"]);
    for (const name of between) if (!names.includes(name)) state[name]!.release();
    return { prediction: prediction!, state };
  };
  return {
    async project(context) {
      const dims = [1, tokens, config.contextChannels];
      return held(await projection.run({ context: { data: context, dims } }, text.between));
    },
    trunk: computeTrunk,
    joinTrunks(trunks) {
      if (trunks.length === 1) return trunks[0]!;
      const names = shared.between.filter((name) =>
        front.inputs.some((input) => input.name === name)
      );
      const joined = names.map((name): [string, OutputTensor] => {
        const parts = trunks.map(({ tensors }) => tensors[name]!);
        const [, ...rest] = parts[0]!.dims;
        const data = parts.map((part) => part.data);
        return [name, {
          ...joinValues(runtime.gpu, data, elementCount(rest)),
          dims: [trunks.length, ...rest],
        }];
      });
      for (const trunk of trunks) trunk.release();
      return { count: trunks.length, ...held(Object.fromEntries(joined)) };
    },
    predict(latent, timestep, text, trunk) {
      return withInputs([latent], [timestep], text, undefined, trunk, async (inputs) => {
        return (await runWhole(inputs, [])).prediction;
      });
    },
    attend(latents, timesteps, text, columns, trunk) {
      const names = namesOf(columns);
      return withInputs(latents, timesteps, text, columns, trunk, async (inputs) => {
        return toMaps(await first.run(pick(front, inputs), names), names);
      });
    },
    predictAndAttend(latent, timestep, text, columns, trunk) {
      const names = namesOf(columns);
      return withInputs([latent], [timestep], text, columns, trunk, async (inputs) => {
        const { prediction, state } = await runWhole(inputs, names);
        return { prediction, maps: toMaps(state, names) };
      });
    },
    release,
  };
}

/** The tensor that reduces maps to columns, `[tokens, columns]`. */
function tokenWeights(columns: Columns, tokens: number): Tensor {
  const [start, end] = columns;
  const sums = typeof start === "number" && typeof end === "number"
    ? [new Float32Array(tokens).fill(1 / (end - start), start, end)]
    : columns as readonly Float32Array[];
  if (sums.length === 0 || sums.some(({ length }) => length !== tokens)) {
    throw new RangeError(
      `Cannot sum tokens by weights [${sums.map(({ length }) => length)}]: ` +
        `expected ${tokens} weights for each sum`,
    );
  }
  const data = new Float32Array(tokens * sums.length);
  sums.forEach((weights, column) =>
    weights.forEach((weight, token) => data[token * sums.length + column] = weight)
  );
  return { data, dims: [tokens, sums.length] };
}

/** Picks the tensors that a graph has as inputs. */
function pick<T>(graph: Graph, tensors: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[name]!]));
}
