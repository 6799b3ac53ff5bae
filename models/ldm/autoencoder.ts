/**
 * The encoder half of MONAI's AutoencoderKL as an ONNX graph.
 *
 * @module
 */

import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { attend } from "../onnx/attention.ts";
import { conv } from "../onnx/image_ops.ts";
import { add, groupNorm, linear, reshape, silu, sizeOf, transpose } from "../onnx/ops.ts";

/** Architecture of an AutoencoderKL; each list has one entry per level. */
export interface AutoencoderConfig {
  /** Channels of the image. */
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
}

/** Number of pixels along one axis that become one latent position. */
export function downsampling(config: AutoencoderConfig): number {
  return 2 ** (config.channels.length - 1);
}

/** Name prefixes of checkpoint tensors that the encoding to the mean does not read. */
export const AUTOENCODER_SKIPPED = ["decoder.", "post_quant_conv.", "quant_conv_log_sigma."];

/**
 * Builds the graph from an image to the latent's mean, before the latent scale factor.
 *
 * The input is `image` `[batch, inChannels, size, size]` in 0..1. The output is `latent`
 * `[batch, latentChannels, size / d, size / d]`, where d is the {@linkcode downsampling}.
 *
 * @param config The architecture.
 * @param size Side of the image in pixels.
 */
export function buildEncoder(config: AutoencoderConfig, size: number): Graph {
  const g = new GraphBuilder("autoencoder");
  const { groups, epsilon } = config;
  const norm = (x: Value, name: string) => groupNorm(g, x, name, { groups, epsilon });
  let block = 0;
  const next = () => `encoder.blocks.${block++}`;

  const resBlock = (x: Value, channels: number): Value => {
    const name = next();
    let h = silu(g, norm(x, `${name}.norm1`));
    h = conv(g, h, `${name}.conv1.conv`, { channels }); // [batch, channels, height, width]
    h = silu(g, norm(h, `${name}.norm2`));
    h = conv(g, h, `${name}.conv2.conv`, { channels });
    const same = sizeOf(x, 1) === channels;
    return add(
      g,
      same ? x : conv(g, x, `${name}.nin_shortcut.conv`, { channels, kernel: 1 }),
      h,
    );
  };

  const attention = (x: Value): Value => {
    const name = next();
    const channels = sizeOf(x, 1);
    const pixels = sizeOf(x, 2) * sizeOf(x, 3);
    const flat = reshape(g, norm(x, `${name}.norm`), [x.dims[0]!, channels, pixels]);
    const tokens = transpose(g, flat, [0, 2, 1]); // [batch, pixels, channels]
    const [q, k, v] = ["to_q", "to_k", "to_v"].map((part) =>
      linear(g, tokens, `${name}.${part}`, channels)
    );
    let { output } = attend(g, q!, k!, v!, { heads: 1 });
    if (config.attentionProjection === "applied") {
      output = linear(g, output, `${name}.proj_attn`, channels);
    } else if (config.attentionProjection === undefined) {
      g.unused(`${name}.proj_attn.weight`, [channels, channels]);
      g.unused(`${name}.proj_attn.bias`, [channels]);
    }
    return add(g, reshape(g, transpose(g, output, [0, 2, 1]), x.dims), x);
  };

  const last = config.channels.length - 1;
  const image = g.input("image", "float32", ["batch", config.inChannels, size, size]);
  let h = conv(g, image, `${next()}.conv`, { channels: config.channels[0]! });
  config.channels.forEach((channels, level) => {
    for (let i = 0; i < config.residualBlocks[level]!; i++) {
      h = resBlock(h, channels);
      if (config.attentionLevels[level]) h = attention(h);
    }
    if (level < last) {
      // MONAI's Downsample adds zeros on the right and at the bottom only.
      h = conv(g, h, `${next()}.conv.conv`, { channels, stride: 2, pads: [0, 0, 1, 1] });
    }
  });
  const bottom = config.channels[last]!;
  if (config.nonlocalAttention) {
    h = resBlock(h, bottom);
    h = attention(h);
    h = resBlock(h, bottom);
  }
  h = norm(h, next()); // no activation before the last convolution
  h = conv(g, h, `${next()}.conv`, { channels: config.latentChannels });
  h = conv(g, h, "quant_conv_mu.conv", { channels: config.latentChannels, kernel: 1 });
  g.output(h, "latent");
  return g.build();
}
