/**
 * The networks of a latent diffusion model in one runtime, with values left
 * where the runtime keeps them.
 *
 * @module
 */

import { type Gpu, storage } from "../../shaders/device.ts";
import { mix } from "../../shaders/mix.ts";
import { mixValues } from "../../shaders/mix_cpu.ts";
import { readRow } from "../checkpoint/mod.ts";
import { elementCount } from "../onnx/graph.ts";
import { joinValues } from "../runtime/join_values.ts";
import { readValues } from "../runtime/read_values.ts";
import type { OutputTensor, Runtime, Values } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import { buildEncoder, downsampling } from "./autoencoder.ts";
import type { Bundle } from "./bundle.ts";
import { buildTextEncoder, TOKEN_TABLE } from "./clip_text.ts";
import { loadGraph } from "./load_graph.ts";
import { type Conditioning, openUnet, type UnetSession } from "./unet_session.ts";
import type { WeightType } from "./weights.ts";

/** Loaded networks behind what the pipeline asks of them. */
export interface Networks extends Pick<UnetSession, "attend" | "project"> {
  /** What they run on. */
  readonly runtime: Runtime;
  /** How many steps should go through the U-Net together. */
  readonly batch: number;
  /** Numbers of a latent. */
  readonly latentLength: number;
  /**
   * Image to scaled latent.
   *
   * @param image `[size, size]` in 0..1.
   * @returns `[channels, side, side]`, the mean times the scale factor; to be freed.
   */
  encode(image: Values): Promise<Values>;
  /**
   * Phrase to text embeddings.
   *
   * @returns `[positions, width]`; to be released.
   */
  embed(phrase: EncodedPhrase): Promise<OutputTensor>;
  /** Phrase to what the U-Net attends to; it stays the model's, which keeps the latest few. */
  condition(phrase: EncodedPhrase): Promise<Conditioning>;
  /**
   * The U-Net's output, in memory.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text What to attend to.
   */
  predict(latent: Values, timestep: number, text: Conditioning): Promise<Float32Array>;
  /**
   * A pass of the U-Net and the deterministic step that follows from it.
   *
   * @param latent `[channels, side, side]` at timestep `from`.
   * @param from Training timestep, 0 to 999.
   * @param to Timestep to go to, up or down.
   * @param text What to attend to.
   * @returns The latent at timestep `to`; to be freed.
   */
  step(latent: Values, from: number, to: number, text: Conditioning): Promise<Values>;
  /**
   * Noise added straight to a clean latent.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param normal Source of standard normal numbers.
   * @returns The noisy latent; to be freed.
   */
  addNoise(latent: Values, timestep: number, normal: () => number): Values;
  /**
   * Values in memory: themselves, or a copy of those that lie on the GPU.
   *
   * @param values What to read.
   * @param length How many they are: a buffer may be larger.
   */
  read(values: Values, length: number): Promise<Float32Array>;
  /** Latents in memory, one after another. */
  readAll(latents: readonly Values[]): Promise<Float32Array>;
  /** Frees values that lie on the GPU. */
  free(values: Values): void;
  /** Frees the memory of all networks. */
  close(): Promise<void>;
}

/**
 * Phrases whose keys and values are kept, of 4.4 MB each at full size: the empty
 * phrase and its like come again with every image.
 */
const KEPT_PHRASES = 16;

/** What {@linkcode openNetworks} is to load. */
export interface NetworksOptions {
  /** Cross-attention layers to read, of those that the model has. */
  readonly layers: readonly number[];
  /** What to load float32 weights of U-Net and text encoder as. */
  readonly weights: WeightType;
  /** Whether each layer's maps come by themselves on the GPU too. */
  readonly separate: boolean;
}

/**
 * Refuses weights that a runtime cannot keep.
 *
 * @throws {TypeError} If float16 is asked for where there is no GPU that has it.
 */
export function requireWeights(weights: WeightType, runtime: Runtime): void {
  if (weights !== "float16" || runtime.gpu?.device.features.has("shader-f16")) return;
  throw new TypeError(
    `Cannot keep weights in float16 with ${runtime.gpu?.adapter.name ?? runtime.version}: ` +
      `it takes runtime "webgpu" and a GPU with the feature shader-f16`,
  );
}

/**
 * Loads a bundle's networks into a runtime.
 *
 * @throws {TypeError} If float16 is asked for where there is no GPU that has it.
 */
export async function openNetworks(
  bundle: Bundle,
  runtime: Runtime,
  { layers, weights, separate }: NetworksOptions,
): Promise<Networks> {
  requireWeights(weights, runtime);
  const { config, text, checkpoints } = bundle;
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
    // The largest first: what is read of a network is there beside all that are loaded by then.
    const textEncoder = await keep(
      loadGraph(
        buildTextEncoder(text.config, { lookUp: false }),
        checkpoints.textEncoder,
        runtime,
        weights,
      ),
    );
    const unet = await keep(openUnet(config.unet, checkpoints.unet, runtime, {
      latentSize: imageSize / downsampling(autoencoder),
      tokens: text.config.positions,
      layers,
      weights,
      separate,
    }));
    // Small, and what it is off by would follow the latent through every step.
    const encoder = await keep(
      loadGraph(buildEncoder(autoencoder, imageSize), checkpoints.autoencoder, runtime, "float32"),
    );
    const { gpu } = runtime;
    const scheduler = new Scheduler(config.scheduler);
    const conditionings = new Map<string, Conditioning>();
    const latentLength = config.unet.inChannels * (imageSize / downsampling(autoencoder)) ** 2;
    /** a x + b y of latents, where the runtime keeps them. */
    const mixLatents = (factors: readonly [number, number], x: Values, y: Values): Values => {
      if (!gpu) return mixValues(factors, x as Float32Array, y as Float32Array);
      const encoder = gpu.device.createCommandEncoder({ label: "latent" });
      const [on, other] = [x, y].map((values) => upload(gpu, values));
      const mixed = mix(gpu, encoder, factors, on!.buffer, other!.buffer, latentLength);
      gpu.device.queue.submit([encoder.finish()]);
      for (const buffer of [mixed.scratch, ...on!.own, ...other!.own]) buffer.destroy();
      return mixed.result;
    };
    const read = (values: Values, length: number) => readValues(gpu, values, length);
    const embed = async ({ ids }: EncodedPhrase): Promise<OutputTensor> => {
      const { hidden } = text.config;
      const rows = new Map<number, Float32Array>();
      for (const id of new Set(ids)) {
        rows.set(id, await readRow(checkpoints.textEncoder, TOKEN_TABLE, id));
      }
      const data = new Float32Array(ids.length * hidden);
      ids.forEach((id, i) => data.set(rows.get(id)!, i * hidden));
      const tokens = { data, dims: [1, ids.length, hidden] };
      const { embeddings } = await textEncoder.run({ tokens }, ["embeddings"]);
      return embeddings!;
    };
    return {
      runtime,
      batch: batchSize(config.unet.channels[0]!, imageSize / downsampling(autoencoder)),
      attend: unet.attend,
      project: unet.project,
      embed,
      read,
      latentLength,
      async readAll(latents) {
        const joined = joinValues(gpu, latents, latentLength);
        try {
          return await read(joined.data, latents.length * latentLength);
        } finally {
          joined.release();
        }
      },
      async encode(image) {
        const dims = [1, autoencoder.inChannels, imageSize, imageSize];
        const length = image instanceof Float32Array ? image.length : image.size / 4;
        if (length !== elementCount(dims)) {
          throw new RangeError(`Cannot encode an image of ${length} values: expected [${dims}]`);
        }
        const { latent } = await encoder.run({ image: { data: image, dims } }, ["latent"]);
        const scaled = mixLatents([scaleFactor, 0], latent!.data, latent!.data);
        latent!.release();
        return scaled;
      },
      async condition(phrase) {
        const key = phrase.ids.join();
        const known = conditionings.get(key);
        if (known) {
          // To the end of the line, away from those that are given up.
          conditionings.delete(key);
          conditionings.set(key, known);
          return known;
        }
        const embeddings = await embed(phrase);
        const projected = unet.project(embeddings.data);
        const conditioning = await projected.finally(() => embeddings.release());
        const [oldest] = conditionings;
        if (conditionings.size >= KEPT_PHRASES && oldest) {
          oldest[1].release();
          conditionings.delete(oldest[0]);
        }
        conditionings.set(key, conditioning);
        return conditioning;
      },
      async predict(latent, timestep, text) {
        const prediction = await unet.predict(latent, timestep, text);
        const values = await read(prediction.data, latentLength);
        prediction.release();
        return values;
      },
      async step(latent, from, to, text) {
        const prediction = await unet.predict(latent, from, text);
        const next = mixLatents(scheduler.stepFactors(from, to), latent, prediction.data);
        prediction.release();
        return next;
      },
      addNoise(latent, timestep, normal) {
        const noise = Float32Array.from({ length: latentLength }, normal);
        return mixLatents(scheduler.noiseFactors(timestep), latent, noise);
      },
      free(values) {
        if (!(values instanceof Float32Array)) values.destroy();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Most memory for the activations of a batch, in bytes. */
const BATCH_BYTES = 2 ** 28;

/** Most steps in a batch; beyond some, more of them are no faster. */
const MAX_BATCH = 8;

/** How many steps fit {@linkcode BATCH_BYTES}: each holds about a dozen maps of the finest level. */
function batchSize(channels: number, latentSize: number): number {
  const bytes = 12 * 4 * channels * latentSize ** 2;
  return Math.min(Math.max(Math.floor(BATCH_BYTES / bytes), 1), MAX_BATCH);
}

/** Values on the GPU, with what was made to get them there. */
function upload(gpu: Gpu, values: Values): { buffer: GPUBuffer; own: GPUBuffer[] } {
  if (!(values instanceof Float32Array)) return { buffer: values, own: [] };
  const buffer = storage(gpu, "latent", values);
  return { buffer, own: [buffer] };
}
