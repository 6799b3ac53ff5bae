/**
 * The building blocks of a DiffusionModelUNet.
 *
 * @module
 */

import type { GraphBuilder, Value } from "../onnx/graph.ts";
import { attend } from "../onnx/attention.ts";
import { conv } from "../onnx/image_ops.ts";
import {
  add,
  concat,
  cos,
  gelu,
  groupNorm,
  halves,
  layerNorm,
  linear,
  mean,
  mul,
  reshape,
  silu,
  sin,
  sizeOf,
  transpose,
} from "../onnx/ops.ts";
import type { UnetConfig } from "./unet_config.ts";

/** Values that all blocks of one U-Net share. */
export interface Blocks {
  /** The graph under construction. */
  readonly g: GraphBuilder;
  /** The architecture. */
  readonly config: UnetConfig;
  /** SiLU of the time embedding, `[batch, 4 * channels[0]]`. */
  readonly time: Value;
  /** Text embeddings, `[batch, tokens, contextChannels]`. */
  readonly context: Value;
  /** Called with each cross-attention map `[batch, positions, tokens]` in forward order. */
  readonly onCrossAttention: (map: Value, name: string, side: number) => void;
}

/**
 * Embeds the timestep: sinusoids, then two linear layers with a SiLU between them.
 *
 * @param timestep `[batch]`.
 * @param width Channels of the U-Net's first level.
 * @returns `[batch, 4 * width]`.
 */
export function timeEmbedding(g: GraphBuilder, timestep: Value, width: number): Value {
  const half = Math.floor(width / 2);
  // f_i = exp(-ln(10000) i / half), rounded to float32 at each step as PyTorch does.
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => Math.exp(Math.fround(Math.fround(-Math.log(10000) * i) / half)),
  );
  const column = reshape(g, timestep, ["batch", 1]);
  const angles = mul(g, column, g.floats(frequencies, [1, half])); // [batch, half]
  const embedding = concat(g, [cos(g, angles), sin(g, angles)], 1);
  const h = linear(g, embedding, "time_embed.0", 4 * width);
  return linear(g, silu(g, h), "time_embed.2", 4 * width);
}

/**
 * Adds a residual block with time conditioning to the graph.
 *
 * @param x `[batch, channels, height, width]`.
 * @param name Name prefix of the block's weights.
 * @param channels Channels of the result.
 * @param resample Halves or doubles the size of both branches before the first convolution.
 */
export function resBlock(
  { g, config: { groups, epsilon }, time }: Blocks,
  x: Value,
  name: string,
  channels: number,
  resample: (x: Value) => Value = (x) => x,
): Value {
  let h = silu(g, groupNorm(g, x, `${name}.norm1`, { groups, epsilon }));
  const residual = resample(x);
  h = conv(g, resample(h), `${name}.conv1.conv`, { channels });
  const shift = linear(g, time, `${name}.time_emb_proj`, channels); // [batch, channels]
  h = add(g, h, reshape(g, shift, ["batch", channels, 1, 1]));
  h = silu(g, groupNorm(g, h, `${name}.norm2`, { groups, epsilon }));
  h = conv(g, h, `${name}.conv2.conv`, { channels });
  return add(
    g,
    sizeOf(residual, 1) === channels
      ? residual
      : conv(g, residual, `${name}.skip_connection.conv`, { channels, kernel: 1 }),
    h,
  );
}

/**
 * Adds a transformer over the positions of a feature map, with cross-attention to the text.
 *
 * @param x `[batch, channels, height, width]`.
 * @param name Name prefix of the block's weights.
 * @param headChannels Channels of one attention head.
 */
export function spatialTransformer(
  blocks: Blocks,
  x: Value,
  name: string,
  headChannels: number,
): Value {
  const { g, config: { groups, epsilon } } = blocks;
  const [channels, height, width] = [sizeOf(x, 1), sizeOf(x, 2), sizeOf(x, 3)];
  if (!(headChannels > 0) || channels % headChannels !== 0) {
    throw new RangeError(
      `Cannot build "${name}": ${channels} channels do not divide into heads of ${headChannels}`,
    );
  }
  let h = groupNorm(g, x, `${name}.norm`, { groups, epsilon });
  h = conv(g, h, `${name}.proj_in.conv`, { channels, kernel: 1 });
  h = reshape(g, h, [x.dims[0]!, channels, height * width]);
  h = transpose(g, h, [0, 2, 1]); // [batch, positions, channels]
  for (let layer = 0; layer < blocks.config.transformerLayers; layer++) {
    h = transformerBlock(blocks, h, `${name}.transformer_blocks.${layer}`, {
      heads: channels / headChannels,
      side: height,
    });
  }
  h = reshape(g, transpose(g, h, [0, 2, 1]), x.dims);
  h = conv(g, h, `${name}.proj_out.conv`, { channels, kernel: 1 });
  return add(g, h, x);
}

/** Adds self-attention, cross-attention and a GEGLU MLP; x is `[batch, positions, channels]`. */
function transformerBlock(
  { g, config, context, onCrossAttention }: Blocks,
  x: Value,
  name: string,
  { heads, side }: { heads: number; side: number },
): Value {
  const channels = sizeOf(x, 2);
  const attention = (h: Value, source: Value, part: string) => {
    const project = (from: Value, to: string) =>
      linear(g, from, `${name}.${part}.${to}`, channels, { bias: false });
    const { output, weights } = attend(
      g,
      project(h, "to_q"),
      project(source, "to_k"),
      project(source, "to_v"),
      { heads },
    );
    const projected = part === "attn2" || config.selfAttentionProjection !== false;
    return {
      weights,
      h: projected ? linear(g, output, `${name}.${part}.to_out.0`, channels) : output,
    };
  };

  const h1 = layerNorm(g, x, `${name}.norm1`);
  x = add(g, attention(h1, h1, "attn1").h, x);

  const cross = attention(layerNorm(g, x, `${name}.norm2`), context, "attn2");
  // [batch, heads, positions, tokens] -> [batch, positions, tokens]
  const map = heads === 1
    ? reshape(g, cross.weights, ["batch", sizeOf(x, 1), sizeOf(context, 1)])
    : mean(g, cross.weights, 1);
  onCrossAttention(map, `${name}.attn2`, side);
  x = add(g, cross.h, x);

  const h3 = layerNorm(g, x, `${name}.norm3`);
  const [values, gate] = halves(g, linear(g, h3, `${name}.ff.linear1`, 8 * channels));
  const mlp = linear(g, mul(g, values, gelu(g, gate)), `${name}.ff.linear2`, channels);
  return add(g, mlp, x);
}
