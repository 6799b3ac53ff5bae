import { printable } from "../../base/text.ts";
import { Fields, isWhole, MAX_COUNT } from "../json_fields.ts";
import type { SchedulerConfig } from "../scheduler.ts";
import { readBeta } from "../scheduler_config.ts";
import { type AutoencoderConfig, downsampling } from "./autoencoder.ts";
import { MAX_BLOCKS, MAX_LAYERS, requireFewLayers, type UnetConfig } from "./unet_config.ts";

/** Configuration of a latent diffusion model: everything but the weights. */
export interface LdmConfig {
  /** Architecture of the autoencoder, which turns an image into a latent. */
  readonly autoencoder: AutoencoderConfig;
  /** Architecture of the U-Net, which turns latent, timestep and text into a prediction. */
  readonly unet: UnetConfig;
  /** Noise schedule. */
  readonly scheduler: SchedulerConfig;
  /** Factor from the autoencoder's latent to the U-Net's latent. */
  readonly scaleFactor: number;
  /** Side of the square image in pixels. */
  readonly imageSize: number;
  /** One sentence that a run prints first, such as a limit of the model. */
  readonly notice?: string;
  /** Number of steps T that suits this model; absent means the method's 300. */
  readonly steps?: number;
  /** Cross-attention layers that suit this model; absent means the method's layers. */
  readonly layers?: readonly number[];
  /** Range of steps that suits this model, as shares of T; absent means the middle fifth. */
  readonly select?: readonly [start: number, end: number];
}

const isChannels = isWhole(1, MAX_COUNT);
const isCount = isWhole(0, MAX_COUNT);
const isBlocks = isWhole(0, MAX_BLOCKS);
const isFlag = (value: unknown) => typeof value === "boolean";

function requireTwoDimensions(fields: Fields): void {
  if (fields.number("spatial_dims", 2) !== 2) {
    fields.fail("spatial_dims", "2");
  }
}

function autoencoderConfig(fields: Fields): AutoencoderConfig {
  requireTwoDimensions(fields);
  // MONAI renamed `num_channels` to `channels` when it took the network over.
  const key = fields.has("channels") ? "channels" : "num_channels";
  const channels = fields.levels<number>(key, undefined, isChannels);
  const levels = channels.length;
  return {
    inChannels: fields.count("in_channels", 1),
    latentChannels: fields.count("latent_channels", 3),
    channels,
    residualBlocks: fields.levels<number>("num_res_blocks", levels, isBlocks),
    attentionLevels: fields.levels<boolean>("attention_levels", levels, isFlag),
    nonlocalAttention: fields.flag("with_encoder_nonlocal_attn", true),
    groups: fields.count("norm_num_groups", 32),
    epsilon: fields.number("norm_eps", 1e-6),
    ...(!fields.flag("include_fc", true) && { attentionProjection: "absent" }),
  };
}

function unetConfig(fields: Fields): UnetConfig {
  requireTwoDimensions(fields);
  const key = fields.has("channels") ? "channels" : "num_channels";
  const channels = fields.levels<number>(key, undefined, isChannels);
  const levels = channels.length;
  if (!fields.flag("with_conditioning", false)) {
    throw fields.error('"with_conditioning" is false, so it has no cross-attention to read');
  }
  if (fields.has("num_class_embeds")) {
    throw fields.error('"num_class_embeds" is not supported');
  }
  const residualBlocks = fields.levels<number>("num_res_blocks", levels, isBlocks, 2);
  const transformerLayers = fields.count("transformer_num_layers", 1, { max: MAX_LAYERS });
  requireFewLayers(fields, residualBlocks, Array(levels).fill(transformerLayers));
  return {
    inChannels: fields.count("in_channels"),
    outChannels: fields.count("out_channels"),
    channels,
    residualBlocks,
    attentionLevels: fields.levels<boolean>("attention_levels", levels, isFlag),
    headChannels: fields.levels<number>("num_head_channels", levels, isCount, 8),
    transformerLayers,
    contextChannels: fields.count("cross_attention_dim"),
    residualUpdown: fields.flag("resblock_updown", false),
    groups: fields.count("norm_num_groups", 32),
    epsilon: fields.number("norm_eps", 1e-6),
    ...(!fields.flag("include_fc", true) && { selfAttentionProjection: false }),
  };
}

function schedulerConfig(fields: Fields): SchedulerConfig {
  return {
    trainTimesteps: fields.count("num_train_timesteps", 1000, { min: 2 }),
    betaStart: readBeta(fields, "beta_start"),
    betaEnd: readBeta(fields, "beta_end"),
    schedule: fields.choice("schedule", ["scaled_linear_beta", "linear_beta"]),
    predictionType: fields.choice("prediction_type", ["v_prediction", "epsilon", "sample"]),
  };
}

/**
 * Checks that the parts of a model fit together.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a latent or its channels do not fit the U-Net.
 */
export function checked(config: LdmConfig, where: string): LdmConfig {
  const { autoencoder, unet, imageSize } = config;
  const factor = downsampling(autoencoder) * 2 ** (unet.channels.length - 1);
  if (imageSize % factor !== 0 || imageSize < factor || imageSize > 4096) {
    throw new SyntaxError(
      `Cannot read ${where}: the image size ${imageSize} must be a multiple of ${factor} ` +
        `up to 4096 for this architecture`,
    );
  }
  if (unet.inChannels !== autoencoder.latentChannels || unet.outChannels !== unet.inChannels) {
    throw new SyntaxError(
      `Cannot read ${where}: the U-Net takes ${unet.inChannels} and gives ${unet.outChannels} ` +
        `channels, but the latent has ${autoencoder.latentChannels}`,
    );
  }
  return config;
}

/**
 * Reads our flat layout's `config.json`.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field is missing or makes no sense.
 */
export function readFlatConfig(json: unknown, where: string): LdmConfig {
  const fields = new Fields(json, where);
  return checked({
    autoencoder: autoencoderConfig(fields.object("autoencoder")),
    unet: unetConfig(fields.object("diffusion_model")),
    scheduler: schedulerConfig(fields.object("scheduler")),
    scaleFactor: fields.number("scale_factor", SCALE_FACTOR),
    imageSize: fields.count("image_size", IMAGE_SIZE),
    ...(fields.has("notice") && { notice: printable(fields.text("notice"), MAX_NOTICE) }),
    ...(fields.has("steps") && { steps: fields.count("steps") }),
    ...(fields.has("layers") && { layers: fields.list("layers", isCount, "a list of layers") }),
    ...(fields.has("select") && { select: selectedShares(fields) }),
  }, where);
}

function selectedShares(fields: Fields): [number, number] {
  const expected = "two shares of T, such as [0.4, 0.6]";
  const [start, end, ...more] = fields.list(
    "select",
    (share) => typeof share === "number" && share >= 0 && share <= 1,
    expected,
  );
  if (end === undefined || more.length > 0 || start! >= end) fields.fail("select", expected);
  return [start!, end];
}

/** Most characters of a model's notice, which goes to the terminal. */
const MAX_NOTICE = 300;

/** Latent scale factor of the published model (the released code's `scale_factor`). */
const SCALE_FACTOR = 0.3;

/** Side in pixels of the published model's image. */
const IMAGE_SIZE = 512;

/**
 * Reads a MONAI bundle's `configs/inference.json`. Its references such as `@latent_channels` are
 * followed. Its `$` expressions are Python and are not run.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field is missing or makes no sense.
 */
export function readMonaiConfig(json: unknown, where: string): LdmConfig {
  const fields = new Fields(json, where, json);
  const unet = unetConfig(fields.object("diffusion_def"));
  const autoencoder = autoencoderConfig(fields.object("autoencoder_def"));
  const latentSize = fields.has("noise") ? noiseSize(fields) : undefined;
  return checked({
    autoencoder,
    unet,
    scheduler: schedulerConfig(fields.object("scheduler")),
    scaleFactor: fields.number("scale_factor", SCALE_FACTOR),
    imageSize: latentSize === undefined ? IMAGE_SIZE : latentSize * downsampling(autoencoder),
  }, where);
}

/** Reads the latent's side from the sampling noise, the only place where a bundle states it. */
function noiseSize(fields: Fields): number {
  const noise = fields.text("noise").replaceAll(/\s/g, "");
  const literal = /randn\([([]?1,\d+,(\d+),\1[,)\]]/.exec(noise);
  if (literal) return Number(literal[1]);
  const expected = "a call of torch.randn for 1, the channels and the square latent's two sides";
  if (!noise.includes("@latent_shape")) fields.fail("noise", expected);
  const [, height, width, ...more] = fields.list("latent_shape", isChannels, "whole numbers");
  if (height === undefined || height !== width || more.length > 0) {
    fields.fail("latent_shape", "the latent's channels, height and equal width");
  }
  return height;
}

/** Most characters of a file's name. */
const MAX_FILE_NAME = 255;

/**
 * Reads the names of the weights' files from a MONAI bundle's `configs/inference.json`, where
 * `$@model_dir + '/autoencoder.pt'` or a plain path states them.
 *
 * @returns For each network its file's name, or undefined if the bundle does not state a name.
 */
export function readMonaiFiles(json: unknown, where: string) {
  const fields = new Fields(json, where, json);
  const name = (key: string) =>
    fields.has(key)
      ? /[\w.-]+\.\w+(?=['"]?$)/.exec(fields.text(key).slice(-MAX_FILE_NAME))?.[0]
      : undefined;
  return {
    autoencoder: name("load_autoencoder_path"),
    diffusion_model: name("load_diffusion_path"),
  };
}
