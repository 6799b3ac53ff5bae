/**
 * Reads the architecture of diffusers' UNet2DConditionModel and AutoencoderKL from their JSON files.
 *
 * An absent field, or null, has the default of diffusers 0.30. Unknown fields are ignored.
 *
 * @module
 */

import { show } from "../../base/text.ts";
import { Fields, isWhole, MAX_COUNT } from "../json_fields.ts";
import type { AutoencoderConfig } from "../ldm/autoencoder.ts";
import { MAX_BLOCKS, MAX_LAYERS, requireFewLayers, type UnetConfig } from "../ldm/unet_config.ts";

const isCount = isWhole(1, MAX_COUNT);
const isBlocks = isWhole(1, MAX_BLOCKS);
const isLayers = isWhole(1, MAX_LAYERS);

/**
 * Fields of a U-Net that change the network in ways that the graph lacks, with their only values
 * beside null. A list must hold nothing else.
 */
const UNET_ONLY: Readonly<Record<string, readonly unknown[]>> = {
  act_fn: ["silu", "swish"],
  addition_embed_type: [],
  attention_type: ["default"],
  center_input_sample: [false],
  class_embed_type: [],
  class_embeddings_concat: [false],
  conv_in_kernel: [3],
  conv_out_kernel: [3],
  cross_attention_norm: [],
  downsample_padding: [1],
  dual_cross_attention: [false],
  encoder_hid_dim: [],
  encoder_hid_dim_type: [],
  mid_block_only_cross_attention: [false],
  mid_block_scale_factor: [1],
  num_attention_heads: [],
  num_class_embeds: [],
  only_cross_attention: [false],
  resnet_out_scale_factor: [1],
  resnet_skip_time_act: [false],
  resnet_time_scale_shift: ["default"],
  reverse_transformer_layers_per_block: [],
  time_cond_proj_dim: [],
  time_embedding_act_fn: [],
  time_embedding_dim: [],
  time_embedding_type: ["positional"],
  timestep_post_act: [],
};

/** The same for an autoencoder. */
const AUTOENCODER_ONLY: Readonly<Record<string, readonly unknown[]>> = {
  act_fn: ["silu", "swish"],
  latents_mean: [],
  latents_std: [],
  shift_factor: [],
};

/** Further text encoders of a pipeline; `[null, null]` stands for a network that is absent. */
const PIPELINE_ONLY = { text_encoder_2: [null], text_encoder_3: [null] };

/** Epsilon that diffusers fixes for the group norms of transformers and of the autoencoder. */
const FIXED_EPSILON = 1e-6;

/** A U-Net's architecture, and the side of its latent. */
export interface StatedUnet {
  readonly config: UnetConfig;
  readonly latentSize: number;
}

/**
 * Checks `model_index.json`. Its other entries name classes that the parts state themselves.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If it is no object, or the pipeline has several text encoders.
 */
export function requirePipeline(json: unknown, where: string): void {
  requireOnly(new Fields(json, where), PIPELINE_ONLY);
}

/**
 * Reads `unet/config.json`.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field makes no sense, or the graph lacks the network that it asks for.
 */
export function readUnetConfig(json: unknown, where: string): StatedUnet {
  const fields = new Fields(json, where);
  requireClass(fields, "UNet2DConditionModel");
  requireOnly(fields, UNET_ONLY);
  const channels = fields.levels<number>("block_out_channels", undefined, isCount, [
    320,
    640,
    1280,
    1280,
  ]);
  const levels = channels.length;
  const attends = (key: string, plain: string, crossing: string, standard: string[]) =>
    blockTypes(fields, key, levels, [plain, crossing], standard).map((type) => type === crossing);
  const [down, cross] = ["DownBlock2D", "CrossAttnDownBlock2D"] as const;
  const [up, upCross] = ["UpBlock2D", "CrossAttnUpBlock2D"] as const;
  const attentionLevels = attends("down_block_types", down, cross, [cross, cross, cross, down]);
  const upAttentionLevels = attends("up_block_types", up, upCross, [up, upCross, upCross, upCross])
    .reverse();
  const middle = fields.any("mid_block_type") !== null;
  if (middle) fields.choice("mid_block_type", [MIDDLE], MIDDLE);
  if (!middle && ![...attentionLevels, ...upAttentionLevels].includes(true)) {
    throw fields.error("it has no cross-attention to read");
  }
  const residualBlocks = fields.levels<number>("layers_per_block", levels, isBlocks, 2);
  const transformerLayers = fields.levels<number>(
    "transformer_layers_per_block",
    levels,
    isLayers,
    1,
  );
  requireFewLayers(fields, residualBlocks, transformerLayers);
  const [inChannels, outChannels] = ["in_channels", "out_channels"]
    .map((key) => fields.count(key, 4)) as [number, number];
  if (inChannels !== outChannels) {
    throw fields.error(
      `"in_channels" is ${inChannels} and "out_channels" ${outChannels}, which is not supported, ` +
        "as in models for inpainting and editing; expected the same",
    );
  }
  const shift = fields.number("freq_shift", 0);
  if (!(shift < Math.floor(channels[0]! / 2))) {
    fields.fail("freq_shift", "less than half of the first channels");
  }
  return {
    config: {
      inChannels,
      outChannels,
      channels,
      residualBlocks,
      attentionLevels,
      upAttentionLevels,
      middle,
      headChannels: headChannels(fields, channels),
      transformerLayers,
      contextChannels: contextChannels(fields, levels),
      linearProjection: fields.flag("use_linear_projection", false),
      residualUpdown: false,
      groups: fields.count("norm_num_groups", 32),
      epsilon: fields.number("norm_eps", 1e-5),
      transformerEpsilon: FIXED_EPSILON,
      sinusoids: { sineFirst: !fields.flag("flip_sin_to_cos", true), shift },
      names: "diffusers",
    },
    latentSize: latentSize(fields),
  };
}

const MIDDLE = "UNetMidBlock2DCrossAttn";

/** An autoencoder's architecture, and the factor from its latent to the U-Net's. */
export interface StatedAutoencoder {
  readonly config: AutoencoderConfig;
  readonly scaleFactor: number;
}

/**
 * Reads `vae/config.json`.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field makes no sense, or the graph lacks the network that it asks for.
 */
export function readAutoencoderConfig(json: unknown, where: string): StatedAutoencoder {
  const fields = new Fields(json, where);
  requireClass(fields, "AutoencoderKL");
  requireOnly(fields, AUTOENCODER_ONLY);
  const channels = fields.levels<number>("block_out_channels", undefined, isCount, [64]);
  const levels = channels.length;
  const type = "DownEncoderBlock2D";
  blockTypes(fields, "down_block_types", levels, [type], [type]);
  const inChannels = fields.count("in_channels", 3);
  if (inChannels !== 1 && inChannels !== 3) fields.fail("in_channels", "1 or 3");
  const scaleFactor = fields.number("scaling_factor", 0.18215);
  if (!(scaleFactor > 0)) fields.fail("scaling_factor", "a number above 0");
  return {
    config: {
      inChannels,
      latentChannels: fields.count("latent_channels", 4),
      channels,
      residualBlocks: Array(levels).fill(fields.count("layers_per_block", 1, { max: MAX_BLOCKS })),
      attentionLevels: Array(levels).fill(false),
      nonlocalAttention: true,
      groups: fields.count("norm_num_groups", 32),
      epsilon: FIXED_EPSILON,
      diffusers: {
        middleAttention: fields.flag("mid_block_add_attention", true),
        quantConv: fields.flag("use_quant_conv", true),
      },
    },
    scaleFactor,
  };
}

/**
 * The layers that the seed method reads by default: all layers of the second coarsest size, as the
 * paper's layers of its own model lie in the middle of the U-Net. In Stable Diffusion 1 and 2 the
 * coarsest size, 8x8, has the middle block's layer alone.
 *
 * @param sides Side of each layer's map, in forward order.
 */
export function middleLayers(sides: readonly number[]): number[] {
  const sizes = [...new Set(sides)].sort((a, b) => a - b);
  const second = sizes[1] ?? sizes[0];
  return [...sides.keys()].filter((layer) => sides[layer] === second);
}

function requireClass(fields: Fields, name: string): void {
  if (fields.has("_class_name")) fields.choice("_class_name", [name]);
}

function requireOnly(fields: Fields, only: Readonly<Record<string, readonly unknown[]>>): void {
  for (const [key, values] of Object.entries(only)) {
    if (!fields.has(key)) continue;
    const value = fields.any(key);
    const isStandard = (Array.isArray(value) ? value : [value])
      .every((each) => values.includes(each));
    if (isStandard) continue;
    throw fields.error(
      `"${key}" is ${show(value)}, which is not supported; expected ` +
        [...new Set([...values, null])].map((each) => JSON.stringify(each)).join(" or "),
    );
  }
}

function blockTypes(
  fields: Fields,
  key: string,
  levels: number,
  known: readonly string[],
  standard: string[],
): string[] {
  const types = fields.levels<string>(key, levels, (type) => typeof type === "string", standard);
  const other = types.find((type) => !known.includes(type));
  if (other === undefined) return types;
  throw fields.error(
    `"${key}" has ${show(other)}, which is not supported; expected ` +
      known.map((type) => `"${type}"`).join(" or "),
  );
}

/** Channels of one head at each level; diffusers states heads under a misleading name. */
function headChannels(fields: Fields, channels: readonly number[]): number[] {
  const heads = fields.levels<number>("attention_head_dim", channels.length, isCount, 8);
  return channels.map((width, level) => {
    if (width % heads[level]! === 0) return width / heads[level]!;
    throw fields.error(
      `"attention_head_dim" is the number of heads, ${heads[level]}, into which the ` +
        `${width} channels of level ${level} do not divide`,
    );
  });
}

/** Width of the text, which all levels share, since a model has a single text encoder. */
function contextChannels(fields: Fields, levels: number): number {
  const [width, ...others] = fields.levels<number>("cross_attention_dim", levels, isCount, 1280);
  if (others.some((other) => other !== width)) {
    fields.fail("cross_attention_dim", "the same for all levels");
  }
  return width!;
}

/** Smallest latent of a published model whose file states another size by mistake. */
const SMALLEST_LATENT = 64;

/** Side of the latent: `sample_size`, which diffusers corrects in files from before 0.9. */
function latentSize(fields: Fields): number {
  const size = fields.any("sample_size");
  if (Array.isArray(size)) {
    const [height, width] = fields.levels<number>("sample_size", 2, isCount);
    if (height !== width) fields.fail("sample_size", "a side, or two equal sides");
    return height!;
  }
  const side = fields.count("sample_size");
  const version = fields.any("_diffusers_version");
  const isOld = typeof version === "string" && /^0\.[0-8](\.|$)/.test(version);
  return isOld ? Math.max(side, SMALLEST_LATENT) : side;
}
