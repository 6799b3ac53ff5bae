/**
 * The encoder half of an AutoencoderKL, MONAI's or diffusers', as an ONNX graph.
 *
 * @module
 */

import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { attendInParts } from "../onnx/attention.ts";
import { conv } from "../onnx/image_ops.ts";
import {
  add,
  concat,
  groupNorm,
  linear,
  reshape,
  scale,
  silu,
  sizeOf,
  slice,
  transpose,
} from "../onnx/ops.ts";

/** Architecture of an AutoencoderKL; each list has one entry per level. */
export interface AutoencoderConfig {
  /** Channels of the image; diffusers' encoder repeats the grey image for each. */
  readonly inChannels: number;
  /** Channels of the latent, 3 in the published model. */
  readonly latentChannels: number;
  /** Channels of each level, finest first. */
  readonly channels: readonly number[];
  /** Residual blocks of each level. */
  readonly residualBlocks: readonly number[];
  /** Whether each level attends after every residual block. */
  readonly attentionLevels: readonly boolean[];
  /** Whether the coarsest level ends in residual block, attention, residual block. */
  readonly nonlocalAttention: boolean;
  /**
   * The linear layer after each attention, which MONAI applies or leaves out (`include_fc`).
   *
   * @default {MONAI Generative's layer, which the checkpoint holds and nothing applies}
   */
  readonly attentionProjection?: "applied" | "absent";
  /** Groups of every group norm. */
  readonly groups: number;
  /** Epsilon of every group norm. */
  readonly epsilon: number;
  /**
   * Fields of diffusers' AutoencoderKL. It reads an image in -1..1, has an activation before its
   * last convolution, and gives mean and log-variance by one convolution.
   *
   * @default {MONAI's AutoencoderKL}
   */
  readonly diffusers?: {
    /** The middle attends between its two residual blocks. */
    readonly middleAttention: boolean;
    /** A convolution of one pixel follows the encoder. */
    readonly quantConv: boolean;
  };
}

/** Number of pixels along one axis that become one latent position. */
export function downsampling(config: AutoencoderConfig): number {
  return 2 ** (config.channels.length - 1);
}

/** Channels of the encoder's input; diffusers' encoder repeats a single channel itself. */
export function imageChannels({ inChannels, diffusers }: AutoencoderConfig): number {
  return diffusers ? 1 : inChannels;
}

/** Name prefixes of checkpoint tensors that the encoding to the mean does not read. */
export const AUTOENCODER_SKIPPED = ["decoder.", "post_quant_conv.", "quant_conv_log_sigma."];

/** Tensors that give the variance in MONAI's checkpoint; a checkpoint may lack them. */
export const MONAI_VARIANCE = ["weight", "bias"].map((part) => `quant_conv_log_sigma.conv.${part}`);

/**
 * Tells if an autoencoder can give the variance of latents.
 *
 * @param tensors The checkpoint's tensors by name.
 */
export function hasVariance(
  { diffusers }: AutoencoderConfig,
  tensors: ReadonlyMap<string, unknown>,
): boolean {
  return diffusers !== undefined || MONAI_VARIANCE.every((name) => tensors.has(name));
}

/** Names of the blocks and of their parts in a checkpoint. */
interface Names {
  /**
   * Name of the next block.
   *
   * @param place The block's place, as diffusers names it.
   */
  readonly block: (place: string) => string;
  readonly conv: string;
  readonly shortcut: string;
  readonly attentionNorm: string;
  readonly attentionProjection: string;
}

/** MONAI counts the blocks in forward order. */
function monaiNames(): Names {
  let count = 0;
  return {
    block: () => `encoder.blocks.${count++}`,
    conv: ".conv",
    shortcut: "nin_shortcut",
    attentionNorm: "norm",
    attentionProjection: "proj_attn",
  };
}

const DIFFUSERS_NAMES: Names = {
  block: (place) => `encoder.${place}`,
  conv: "",
  shortcut: "conv_shortcut",
  attentionNorm: "group_norm",
  attentionProjection: "to_out.0",
};

/**
 * Builds the graph from an image to the latent's mean, before the latent scale factor.
 *
 * The input is `image` in 0..1, `[batch, inChannels, size, size]`, or one channel for diffusers'
 * AutoencoderKL. The output is `latent` `[batch, latentChannels, size / d, size / d]`, where d is
 * the {@linkcode downsampling}. `log_variance` has the same shape; its values are not clamped.
 *
 * @param size Side of the image in pixels.
 * @param logVariance The logarithm of the latent's variance is an output too.
 */
export function buildEncoder(
  config: AutoencoderConfig,
  size: number,
  logVariance = false,
): Graph {
  const g = new GraphBuilder("autoencoder");
  const { groups, epsilon, diffusers, latentChannels } = config;
  const names = diffusers ? DIFFUSERS_NAMES : monaiNames();
  const norm = (x: Value, name: string) => groupNorm(g, x, name, { groups, epsilon });

  const resBlock = (x: Value, channels: number, place: string): Value => {
    const name = names.block(place);
    let h = silu(g, norm(x, `${name}.norm1`));
    h = conv(g, h, `${name}.conv1${names.conv}`, { channels }); // [batch, channels, height, width]
    h = silu(g, norm(h, `${name}.norm2`));
    h = conv(g, h, `${name}.conv2${names.conv}`, { channels });
    const same = sizeOf(x, 1) === channels;
    return add(
      g,
      same ? x : conv(g, x, `${name}.${names.shortcut}${names.conv}`, { channels, kernel: 1 }),
      h,
    );
  };

  const attention = (x: Value, place: string): Value => {
    const name = names.block(place);
    const channels = sizeOf(x, 1);
    const pixels = sizeOf(x, 2) * sizeOf(x, 3);
    const normed = norm(x, `${name}.${names.attentionNorm}`);
    const flat = reshape(g, normed, [x.dims[0]!, channels, pixels]);
    const tokens = transpose(g, flat, [0, 2, 1]); // [batch, pixels, channels]
    const [q, k, v] = ["to_q", "to_k", "to_v"].map((part) =>
      linear(g, tokens, `${name}.${part}`, channels)
    );
    let output = attendInParts(g, q!, k!, v!, { heads: 1 });
    const projection = `${name}.${names.attentionProjection}`;
    if (diffusers || config.attentionProjection === "applied") {
      output = linear(g, output, projection, channels);
    } else if (config.attentionProjection === undefined) {
      g.unused(`${projection}.weight`, [channels, channels]);
      g.unused(`${projection}.bias`, [channels]);
    }
    return add(g, reshape(g, transpose(g, output, [0, 2, 1]), x.dims), x);
  };

  const last = config.channels.length - 1;
  const first = `${names.block("conv_in")}${names.conv}`;
  let h = conv(g, inputImage(g, config, size), first, { channels: config.channels[0]! });
  config.channels.forEach((channels, level) => {
    const place = `down_blocks.${level}`;
    for (let i = 0; i < config.residualBlocks[level]!; i++) {
      h = resBlock(h, channels, `${place}.resnets.${i}`);
      if (config.attentionLevels[level]) h = attention(h, `${place}.attentions.${i}`);
    }
    if (level < last) {
      const name = `${names.block(`${place}.downsamplers.0`)}.conv${names.conv}`;
      // Both libraries add zeros on the right and at the bottom only.
      h = conv(g, h, name, { channels, stride: 2, pads: [0, 0, 1, 1] });
    }
  });
  const bottom = config.channels[last]!;
  if (config.nonlocalAttention) {
    h = resBlock(h, bottom, "mid_block.resnets.0");
    if (diffusers?.middleAttention ?? true) h = attention(h, "mid_block.attentions.0");
    h = resBlock(h, bottom, "mid_block.resnets.1");
  }
  h = norm(h, names.block("conv_norm_out"));
  const end = `${names.block("conv_out")}${names.conv}`;
  if (diffusers) {
    h = conv(g, silu(g, h), end, { channels: 2 * latentChannels });
    if (diffusers.quantConv) {
      h = conv(g, h, "quant_conv", { channels: 2 * latentChannels, kernel: 1 });
    }
    g.output(slice(g, h, 1, 0, latentChannels), "latent");
    if (logVariance) {
      g.output(slice(g, h, 1, latentChannels, 2 * latentChannels), "log_variance");
    }
    return g.build();
  }
  h = conv(g, h, end, { channels: latentChannels }); // MONAI has no activation before it
  const quantize = (name: string) =>
    conv(g, h, `${name}.conv`, { channels: latentChannels, kernel: 1 });
  g.output(quantize("quant_conv_mu"), "latent");
  if (logVariance) g.output(quantize("quant_conv_log_sigma"), "log_variance");
  return g.build();
}

/** The image in the range and channels that the first convolution reads. */
function inputImage(g: GraphBuilder, config: AutoencoderConfig, size: number): Value {
  const { inChannels, diffusers } = config;
  const image = g.input("image", "float32", ["batch", imageChannels(config), size, size]);
  if (!diffusers) return image;
  const centered = add(g, scale(g, image, 2), g.floats([-1], [])); // -1..1
  return inChannels === 1 ? centered : concat(g, Array(inChannels).fill(centered), 1);
}
