import { InputTypeError } from "../../base/errors.ts";
import { storage } from "../../shaders/device.ts";
import { mix } from "../../shaders/mix.ts";
import { mixValues } from "../../shaders/mix_cpu.ts";
import { elementCount } from "../onnx/graph.ts";
import { joinValues } from "../runtime/join_values.ts";
import { readValues, takeOutput } from "../runtime/read_values.ts";
import type { OutputTensor, Runtime, TensorData } from "../runtime/runtime.ts";
import { Scheduler } from "../scheduler.ts";
import { buildTextEncoder, textFeeds } from "../text/text_encoder.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import {
  buildEncoder,
  downsampling,
  hasVariance,
  imageChannels,
  MONAI_VARIANCE,
} from "./autoencoder.ts";
import type { Bundle } from "./bundle.ts";
import { loadGraph } from "./load_graph.ts";
import {
  type Conditioning,
  openUnet,
  type OpenUnetOptions,
  type Trunk,
  type UnetSession,
} from "./unet_session.ts";
import type { UnetConfig } from "./unet_config.ts";
import type { WeightType } from "./weights.ts";

/**
 * Loaded networks with the operations that the pipeline needs. Values stay on the GPU if there is
 * one.
 */
export interface Networks
  extends Pick<UnetSession, "attend" | "predictAndAttend" | "project" | "trunk" | "joinTrunks"> {
  /** Runtime of all networks. */
  readonly runtime: Runtime;
  /** Number of steps that should go through the U-Net together. */
  readonly batch: number;
  /** Number of values in a latent. */
  readonly latentLength: number;
  /**
   * Encodes an image as a scaled latent.
   *
   * @param image `[size, size]` in 0..1.
   * @returns `[channels, side, side]`, the mean times the scale factor; the caller frees it.
   * @throws {RangeError} If the image has another number of values.
   */
  encode(image: TensorData): Promise<TensorData>;
  /**
   * Encodes an image as the distribution of its latents, and reads it into memory. A sample of the
   * latent is the scale factor times (mean + sqrt(exp(logVariance)) * noise).
   *
   * @param image `[size, size]` in 0..1, as for {@linkcode encode}.
   * @returns Mean and logarithm of the variance, `[channels, side, side]` each, without the scale
   * factor. The logarithm lies in -30..20, as both libraries clamp it.
   * @throws {RangeError} If the image has another number of values, or the autoencoder's
   * checkpoint lacks the variance.
   */
  encodePosterior(image: TensorData): Promise<Posterior>;
  /**
   * Encodes a phrase as text embeddings.
   *
   * @returns `[positions, width]`; the caller releases it.
   */
  embed(phrase: EncodedPhrase): Promise<OutputTensor>;
  /**
   * Computes the keys and values of a phrase for the U-Net. The model owns the result, keeps it
   * for the latest few phrases, and releases it.
   *
   * @param atLeast Number of phrases to keep at least, such as all phrases of an image.
   */
  condition(phrase: EncodedPhrase, atLeast?: number): Promise<Conditioning>;
  /**
   * Runs the whole U-Net and reads the prediction into memory.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Training timestep, 0 to 999.
   * @param text Keys and values of the text.
   * @param trunk Trunk of this latent and timestep; by default it is computed.
   */
  predict(
    latent: TensorData,
    timestep: number,
    text: Conditioning,
    trunk?: Trunk,
  ): Promise<Float32Array>;
  /**
   * Runs one pass of the U-Net and moves the latent by a deterministic step.
   *
   * @param latent `[channels, side, side]` at timestep `from`.
   * @param from Training timestep, 0 to 999.
   * @param to Timestep to go to, up or down.
   * @param text Keys and values of the text.
   * @param trunk Trunk of this latent at timestep `from`; by default it is computed.
   * @returns The latent at timestep `to`; the caller frees it.
   */
  step(
    latent: TensorData,
    from: number,
    to: number,
    text: Conditioning,
    trunk?: Trunk,
  ): Promise<TensorData>;
  /**
   * Adds noise to a clean latent without a pass of the U-Net.
   *
   * @param latent `[channels, side, side]`.
   * @param timestep Timestep of the noisy latent, 0 to 999.
   * @param normal Source of standard normal numbers.
   * @returns The noisy latent; the caller frees it.
   */
  addNoise(latent: TensorData, timestep: number, normal: () => number): TensorData;
  /**
   * Reads values into memory. Values that are in memory already are returned without a copy.
   *
   * @param values The values in memory or on the GPU.
   * @param length Number of values; a buffer may be larger.
   */
  read(values: TensorData, length: number): Promise<Float32Array>;
  /** Reads latents into memory, one after another. */
  readAll(latents: readonly TensorData[]): Promise<Float32Array>;
  /** Frees values on the GPU; does nothing for values in memory. */
  free(values: TensorData): void;
  /** Frees the memory of all networks. */
  close(): Promise<void>;
}

/** Normal distribution of an image's latent, a number for each of its values. */
export interface Posterior {
  /** Mean of each value. */
  readonly mean: Float32Array;
  /** Logarithm of each value's variance, -30 to 20. */
  readonly logVariance: Float32Array;
}

/**
 * Number of phrases to keep keys and values of, 4.4 MB each at full size. The empty phrase and
 * other frequent phrases return with every image.
 */
const KEPT_PHRASES = 16;

/** Options of {@linkcode openNetworks}. */
type NetworksOptions = Required<Omit<OpenUnetOptions, "latentSize" | "tokens">>;

/** Range that both libraries clamp the logarithm of the variance to. */
const LOG_VARIANCE = { min: -30, max: 20 };

/**
 * Refuses a type of weights that a runtime cannot keep.
 *
 * @throws {TypeError} If the weights are to be float16 and no GPU supports it.
 */
export function requireWeights(weights: WeightType, runtime: Runtime): void {
  if (weights !== "float16" || runtime.float16) return;
  throw new InputTypeError(
    `Cannot keep weights in float16 with ${runtime.adapter ?? runtime.version}: ` +
      `float16 needs runtime "webgpu" and a GPU with the feature shader-f16, or runtime "cuda"`,
  );
}

/**
 * Loads a bundle's networks into a runtime.
 *
 * @throws {TypeError} If the weights are to be float16 and no GPU supports it.
 */
export async function openNetworks(
  bundle: Bundle,
  runtime: Runtime,
  options: NetworksOptions,
): Promise<Networks> {
  const { weights } = options;
  requireWeights(weights, runtime);
  const { config, text, tokenizer, checkpoints } = bundle;
  const { positions } = tokenizer;
  const { imageSize, scaleFactor, autoencoder } = config;
  const latentSize = imageSize / downsampling(autoencoder);
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
    // The largest network loads first, because its bytes need memory beside all loaded networks.
    const textEncoder = await keep(
      loadGraph(
        buildTextEncoder(text, { lookUp: false, tokens: positions }),
        checkpoints.textEncoder,
        runtime,
        weights,
      ),
    );
    const sizes = { latentSize, tokens: positions };
    const unet = await keep(
      openUnet(config.unet, checkpoints.unet, runtime, { ...sizes, ...options }),
    );
    // The encoder stays float32: it is small, and its error would follow the latent at every step.
    const logVariance = hasVariance(autoencoder, checkpoints.autoencoder.tensors);
    const encoderGraph = buildEncoder(autoencoder, imageSize, logVariance);
    const encoder = await keep(
      loadGraph(encoderGraph, checkpoints.autoencoder, runtime, "float32", { freesMemory: true }),
    );
    const { gpu } = runtime;
    const scheduler = new Scheduler(config.scheduler);
    const conditionings = new Map<string, Conditioning>();
    const latentLength = config.unet.inChannels * latentSize ** 2;
    /** Computes a x + b y of two latents, on the GPU if there is one. */
    const mixLatents = (
      factors: readonly [number, number],
      x: TensorData,
      y: TensorData,
    ): TensorData => {
      if (!gpu) return mixValues(factors, x as Float32Array, y as Float32Array);
      const encoder = gpu.device.createCommandEncoder({ label: "latent" });
      const own: GPUBuffer[] = [];
      const [one, other] = [x, y].map((values) => {
        if (!(values instanceof Float32Array)) return values;
        own.push(storage(gpu, "latent", values));
        return own.at(-1)!;
      });
      const { result, scratch } = mix(gpu, encoder, factors, one!, other!, latentLength);
      gpu.device.queue.submit([encoder.finish()]);
      for (const buffer of [scratch, ...own]) buffer.destroy();
      return result;
    };
    const read = (values: TensorData, length: number) => readValues(gpu, values, length);
    const runEncoder = async (image: TensorData, outputs: readonly string[]) => {
      const dims = [1, imageChannels(autoencoder), imageSize, imageSize];
      const length = image instanceof Float32Array ? image.length : image.size / 4;
      if (length !== elementCount(dims)) {
        throw new RangeError(`Cannot encode an image of ${length} values: expected [${dims}]`);
      }
      return await encoder.run({ image: { data: image, dims } }, outputs);
    };
    const embed = async (phrase: EncodedPhrase): Promise<OutputTensor> => {
      const feeds = await textFeeds(text, checkpoints.textEncoder, phrase);
      const { embeddings } = await textEncoder.run(feeds, ["embeddings"]);
      return embeddings!;
    };
    return {
      runtime,
      batch: batchSize(config.unet, latentSize),
      attend: unet.attend,
      predictAndAttend: unet.predictAndAttend,
      project: unet.project,
      trunk: unet.trunk,
      joinTrunks: unet.joinTrunks,
      embed,
      read,
      latentLength,
      async readAll(latents) {
        const { data, release } = joinValues(gpu, latents, latentLength);
        return await read(data, latents.length * latentLength).finally(release);
      },
      async encode(image) {
        const { latent } = await runEncoder(image, ["latent"]);
        const scaled = mixLatents([scaleFactor, 0], latent!.data, latent!.data);
        latent!.release();
        return scaled;
      },
      async encodePosterior(image) {
        if (!logVariance) {
          throw new RangeError(
            `Cannot draw latents by "${checkpoints.autoencoder.path}": it lacks ` +
              `"${MONAI_VARIANCE[0]}"`,
          );
        }
        const outputs = await runEncoder(image, ["latent", "log_variance"]);
        const [mean, values] = await Promise.all(
          [outputs.latent!, outputs.log_variance!].map((output) => takeOutput(gpu, output)),
        );
        const { min, max } = LOG_VARIANCE;
        const clamped = values!.map((value) => Math.min(Math.max(value, min), max));
        return { mean: mean!, logVariance: clamped };
      },
      async condition(phrase, atLeast = 0) {
        const key = `${phrase.ids} ${phrase.masked}`;
        const known = conditionings.get(key);
        if (known) {
          // Move the phrase to the end, because the first phrase is dropped next.
          conditionings.delete(key);
          conditionings.set(key, known);
          return known;
        }
        const embeddings = await embed(phrase);
        const projected = unet.project(embeddings.data);
        const conditioning = await projected.finally(() => embeddings.release());
        for (const [key, oldest] of conditionings) {
          if (conditionings.size < Math.max(KEPT_PHRASES, atLeast)) break;
          oldest.release();
          conditionings.delete(key);
        }
        conditionings.set(key, conditioning);
        return conditioning;
      },
      async predict(latent, timestep, text, trunk) {
        return await takeOutput(gpu, await unet.predict(latent, timestep, text, trunk));
      },
      async step(latent, from, to, text, trunk) {
        const prediction = await unet.predict(latent, from, text, trunk);
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

/** Most bytes for the activations of a batch. */
const BATCH_BYTES = 2 ** 28;

/** Most steps in a batch, because larger batches are no faster. */
const MAX_BATCH = 8;

/** Most bytes of one tensor of a batch: the binding that every WebGPU device has. */
const TENSOR_BYTES = 2 ** 27;

/**
 * Number of steps in {@linkcode BATCH_BYTES}; each holds about 12 maps of the finest level. The
 * largest tensor, inside a transformer's MLP, has 8 times the channels of its level.
 */
function batchSize(config: UnetConfig, latentSize: number): number {
  const { channels, attentionLevels, upAttentionLevels } = config;
  const bytes = 12 * 4 * channels[0]! * latentSize ** 2;
  const largest = channels.map((width, level) =>
    attentionLevels[level] || upAttentionLevels?.[level]
      ? 8 * 4 * width * (latentSize / 2 ** level) ** 2
      : 0
  );
  const fitting = Math.min(BATCH_BYTES / bytes, TENSOR_BYTES / Math.max(...largest));
  return Math.min(Math.max(Math.floor(fitting), 1), MAX_BATCH);
}
