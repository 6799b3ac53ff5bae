import type { GraphBuilder, Value } from "../onnx/graph.ts";
import { attend, attendInParts } from "../onnx/attention.ts";
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
  mul,
  reshape,
  silu,
  sin,
  sizeOf,
  transpose,
} from "../onnx/ops.ts";
import type { UnetConfig } from "./unet_config.ts";
import type { UnetNames } from "./unet_names.ts";

/** Values that all blocks of one U-Net share. */
export interface Blocks {
  /** The graph under construction. */
  readonly g: GraphBuilder;
  /** The architecture. */
  readonly config: UnetConfig;
  /** Names of the weights. */
  readonly names: UnetNames;
  /** SiLU of the time embedding, `[batch, 4 * channels[0]]`. */
  readonly time: Value;
  /** Text embeddings, `[batch, tokens, contextChannels]`. */
  readonly context: Value;
  /** Called with each layer's softmax `[batch, heads, positions, tokens]` in forward order. */
  readonly onCrossAttention: (weights: Value, name: string, side: number) => void;
}

/**
 * Embeds the timestep: sinusoids, then two linear layers with a SiLU between them.
 *
 * @param timestep `[batch]`.
 * @returns `[batch, 4 * width]`, where width is the number of channels of the finest level.
 */
export function timeEmbedding(
  { g, config, names }: Pick<Blocks, "g" | "config" | "names">,
  timestep: Value,
): Value {
  const { channels: [width = 0], sinusoids = { sineFirst: false, shift: 0 } } = config;
  const half = Math.floor(width / 2);
  // f_i = exp(-ln(10000) i / (half - shift)), rounded to float32 at each step as PyTorch does.
  const frequencies = Float32Array.from(
    { length: half },
    (_, i) => Math.exp(Math.fround(Math.fround(-Math.log(10000) * i) / (half - sinusoids.shift))),
  );
  const column = reshape(g, timestep, ["batch", 1]);
  const angles = mul(g, column, g.floats(frequencies, [1, half])); // [batch, half]
  const parts = [cos(g, angles), sin(g, angles)];
  const embedding = concat(g, sinusoids.sineFirst ? parts.reverse() : parts, 1);
  const h = linear(g, embedding, names.time[0], 4 * width);
  return linear(g, silu(g, h), names.time[1], 4 * width);
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
  { g, config: { groups, epsilon }, names, time }: Blocks,
  x: Value,
  name: string,
  channels: number,
  resample: (x: Value) => Value = (x) => x,
): Value {
  let h = silu(g, groupNorm(g, x, `${name}.norm1`, { groups, epsilon }));
  const residual = resample(x);
  h = conv(g, resample(h), `${name}.conv1${names.conv}`, { channels });
  const shift = linear(g, time, `${name}.time_emb_proj`, channels); // [batch, channels]
  h = add(g, h, reshape(g, shift, ["batch", channels, 1, 1]));
  h = silu(g, groupNorm(g, h, `${name}.norm2`, { groups, epsilon }));
  h = conv(g, h, `${name}.conv2${names.conv}`, { channels });
  return add(
    g,
    sizeOf(residual, 1) === channels
      ? residual
      : conv(g, residual, `${name}.${names.shortcut}${names.conv}`, { channels, kernel: 1 }),
    h,
  );
}

/** Sizes of a spatial transformer. */
export interface TransformerSizes {
  /** Channels of one attention head. */
  readonly headChannels: number;
  /** Number of transformer blocks. */
  readonly layers: number;
}

/**
 * Adds a transformer over the positions of a feature map, with cross-attention to the text.
 *
 * @param x `[batch, channels, height, width]`.
 * @param name Name prefix of the block's weights.
 */
export function spatialTransformer(
  blocks: Blocks,
  x: Value,
  name: string,
  { headChannels, layers }: TransformerSizes,
): Value {
  const { g, names, config: { groups, epsilon, transformerEpsilon, linearProjection } } = blocks;
  const [channels, height, width] = [sizeOf(x, 1), sizeOf(x, 2), sizeOf(x, 3)];
  if (!(headChannels > 0) || channels % headChannels !== 0) {
    throw new RangeError(
      `Cannot build "${name}": ${channels} channels do not divide into heads of ${headChannels}`,
    );
  }
  const toTokens = (h: Value) =>
    // [batch, positions, channels]
    transpose(g, reshape(g, h, [x.dims[0]!, channels, height * width]), [0, 2, 1]);
  const toPixels = (h: Value) => reshape(g, transpose(g, h, [0, 2, 1]), x.dims);
  const project = (h: Value, part: string) =>
    linearProjection
      ? linear(g, h, `${name}.${part}`, channels)
      : conv(g, h, `${name}.${part}${names.conv}`, { channels, kernel: 1 });

  let h = groupNorm(g, x, `${name}.norm`, { groups, epsilon: transformerEpsilon ?? epsilon });
  h = linearProjection ? project(toTokens(h), "proj_in") : toTokens(project(h, "proj_in"));
  for (let layer = 0; layer < layers; layer++) {
    h = transformerBlock(blocks, h, `${name}.transformer_blocks.${layer}`, {
      heads: channels / headChannels,
      side: height,
    });
  }
  h = linearProjection ? toPixels(project(h, "proj_out")) : project(toPixels(h), "proj_out");
  return add(g, h, x);
}

/** Adds self-attention, cross-attention and a GEGLU MLP; x is `[batch, positions, channels]`. */
function transformerBlock(
  { g, config, names, context, onCrossAttention }: Blocks,
  x: Value,
  name: string,
  { heads, side }: { heads: number; side: number },
): Value {
  const channels = sizeOf(x, 2);
  const project = (from: Value, to: string) =>
    linear(g, from, `${name}.${to}`, channels, { bias: false });
  const projectAll = (h: Value, source: Value, part: string) =>
    [
      project(h, `${part}.to_q`),
      project(source, `${part}.to_k`),
      project(source, `${part}.to_v`),
    ] as const;

  const h1 = layerNorm(g, x, `${name}.norm1`);
  const own = attendInParts(g, ...projectAll(h1, h1, "attn1"), { heads });
  x = add(
    g,
    config.selfAttentionProjection === false
      ? own
      : linear(g, own, `${name}.attn1.to_out.0`, channels),
    x,
  );

  const h2 = layerNorm(g, x, `${name}.norm2`);
  const { output, weights } = attend(g, ...projectAll(h2, context, "attn2"), { heads });
  onCrossAttention(weights, `${name}.attn2`, side);
  x = add(g, linear(g, output, `${name}.attn2.to_out.0`, channels), x);

  const h3 = layerNorm(g, x, `${name}.norm3`);
  const [values, gate] = halves(g, linear(g, h3, `${name}.${names.mlp[0]}`, 8 * channels));
  const mlp = linear(g, mul(g, values, gelu(g, gate)), `${name}.${names.mlp[1]}`, channels);
  return add(g, mlp, x);
}
