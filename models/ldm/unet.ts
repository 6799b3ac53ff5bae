/**
 * The U-Net of MONAI or diffusers as an ONNX graph with cross-attention maps as outputs.
 *
 * @module
 */

import type { UnetConfig } from "./unet_config.ts";
import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { averagePool, conv, upsampleNearest } from "../onnx/image_ops.ts";
import { concat, groupNorm, matmul, mean, reshape, silu, sizeOf } from "../onnx/ops.ts";
import { type Blocks, resBlock, spatialTransformer, timeEmbedding } from "./unet_blocks.ts";
import { UNET_NAMINGS } from "./unet_names.ts";

/** Input sizes and outputs of a U-Net graph. */
export interface UnetOutputs {
  /** Side of the latent. */
  readonly latentSize: number;
  /** Number of token positions of the text. */
  readonly tokens: number;
  /**
   * Whether `prediction` is an output.
   *
   * @default {true}
   */
  readonly prediction?: boolean;
  /**
   * Cross-attention layers to output, counted from 0 in forward order.
   *
   * @default {[]}
   */
  readonly layers?: readonly number[];
  /**
   * Whether chosen layers of one size share one output.
   *
   * @default {false}
   */
  readonly stacked?: boolean;
  /**
   * A second output accompanies each attention output: weighted sums over its tokens.
   *
   * @default {false}
   */
  readonly tokenSums?: boolean;
  /**
   * Each head has a map of its own; otherwise a map is the mean over heads.
   *
   * @default {false}
   */
  readonly eachHead?: boolean;
}

/** An output that holds cross-attention maps. */
export interface AttentionOutput {
  /** Name of the output, such as `attention_3` or `attention_3_4_6`. */
  readonly name: string;
  /** Layers in this output, counted from 0 in forward order. */
  readonly layers: readonly number[];
  /** Name of the output with the sums over tokens; absent without `tokenSums`. */
  readonly sumName?: string;
  /** Maps of each layer: its heads, or 1 for their mean. */
  readonly heads: number;
}

/** Name and map size of a cross-attention layer. */
export interface CrossAttentionLayer {
  /** Side of the layer's square map. */
  readonly side: number;
  /** Number of attention heads. */
  readonly heads: number;
  /** Name of the module, such as `down_blocks.1.attentions.0.transformer_blocks.0.attn2`. */
  readonly name: string;
}

/** A U-Net graph with a list of its cross-attention layers. */
export interface UnetGraph {
  /** The graph, cut after the last operator that an output needs. */
  readonly graph: Graph;
  /** Every cross-attention layer of the architecture, in forward order. */
  readonly crossAttention: readonly CrossAttentionLayer[];
  /** The outputs that hold the maps of the chosen layers. */
  readonly attention: readonly AttentionOutput[];
}

/**
 * Builds the graph from noisy latent, timestep and text to prediction and attention maps.
 *
 * Inputs:
 * - `latent` `[batch, inChannels, latentSize, latentSize]`
 * - `timestep` `[batch]`, 0..999 as float32
 * - `context` `[batch, tokens, contextChannels]`
 * - `token_weights` `[tokens, columns]`, only with `tokenSums`: each token's weight in each sum
 *
 * Outputs:
 * - `prediction` in the latent's shape
 * - `attention_<i>` `[batch, positions, tokens]` for each chosen layer i: the softmax averaged
 *   over heads
 * - with `stacked`, instead, one output per map size, `[batch, layers, positions, tokens]`
 * - with `eachHead`, instead, the softmax itself, `[batch, heads, positions, tokens]`
 * - with `tokenSums`, also `…_sum`: the weighted sums, in the same shape with one column a sum
 *
 * @throws {RangeError} If the architecture lacks a chosen layer, or if the latent's side cannot be
 * halved at every level.
 */
export function buildUnet(config: UnetConfig, outputs: UnetOutputs): UnetGraph {
  const {
    latentSize,
    tokens,
    prediction = true,
    layers = [],
    stacked = false,
    tokenSums = false,
    eachHead = false,
  } = outputs;
  const { channels, groups, epsilon, transformerLayers, upAttentionLevels } = config;
  const names = UNET_NAMINGS[config.names ?? "monai"];
  const last = channels.length - 1;
  if (latentSize % 2 ** last !== 0) {
    throw new RangeError(
      `Cannot build the U-Net for a latent of ${latentSize}x${latentSize}: its side must be a ` +
        `multiple of ${2 ** last}`,
    );
  }
  const g = new GraphBuilder("unet");
  const latent = g.input("latent", "float32", ["batch", config.inChannels, latentSize, latentSize]);
  const timestep = g.input("timestep", "float32", ["batch"]);
  const context = g.input("context", "float32", ["batch", tokens, config.contextChannels]);

  const maps: Value[] = [];
  const crossAttention: CrossAttentionLayer[] = [];
  const blocks: Blocks = {
    g,
    config,
    names,
    time: silu(g, timeEmbedding({ g, config, names }, timestep)),
    context,
    onCrossAttention: (weights, name, side) => {
      const heads = sizeOf(weights, 1);
      maps.push(
        eachHead
          ? weights
          : heads === 1
          ? reshape(g, weights, ["batch", sizeOf(weights, 2), tokens])
          : mean(g, weights, 1),
      );
      crossAttention.push({ name, side, heads });
    },
  };
  const transform = (x: Value, name: string, level: number) =>
    spatialTransformer(blocks, x, name, {
      headChannels: config.headChannels[level]!,
      layers: typeof transformerLayers === "number" ? transformerLayers : transformerLayers[level]!,
    });

  // The way down keeps every block's result for the way up.
  let h = conv(g, latent, `conv_in${names.conv}`, { channels: channels[0]! });
  const skips = [h];
  channels.forEach((width, level) => {
    const name = `down_blocks.${level}`;
    for (let i = 0; i < config.residualBlocks[level]!; i++) {
      h = resBlock(blocks, h, `${name}.resnets.${i}`, width);
      if (config.attentionLevels[level]) {
        h = transform(h, `${name}.attentions.${i}`, level);
      }
      skips.push(h);
    }
    if (level < last) {
      h = config.residualUpdown
        ? resBlock(blocks, h, `${name}.downsampler`, width, (x) => averagePool(g, x))
        : conv(g, h, `${name}.${names.downsampler}${names.conv}`, { channels: width, stride: 2 });
      skips.push(h);
    }
  });

  if (config.middle ?? true) {
    h = resBlock(blocks, h, names.middle[0], channels[last]!);
    h = transform(h, names.middle[1], last);
    h = resBlock(blocks, h, names.middle[2], channels[last]!);
  }

  for (let block = 0; block <= last; block++) {
    const level = last - block;
    const width = channels[level]!;
    const name = `up_blocks.${block}`;
    for (let i = 0; i <= config.residualBlocks[level]!; i++) {
      h = concat(g, [h, skips.pop()!], 1);
      h = resBlock(blocks, h, `${name}.resnets.${i}`, width);
      if ((upAttentionLevels ?? config.attentionLevels)[level]) {
        h = transform(h, `${name}.attentions.${i}`, level);
      }
    }
    if (level > 0) {
      h = config.residualUpdown
        ? resBlock(blocks, h, `${name}.upsampler`, width, (x) => upsampleNearest(g, x))
        : conv(g, upsampleNearest(g, h), `${name}.${names.upsampler}${names.conv}`, {
          channels: sizeOf(h, 1),
        });
    }
  }
  h = silu(g, groupNorm(g, h, names.end[0], { groups, epsilon }));
  h = conv(g, h, `${names.end[1]}${names.conv}`, { channels: config.outChannels });

  if (prediction) g.output(h, "prediction");
  for (const layer of layers) {
    if (!maps[layer]) {
      throw new RangeError(
        `Cannot read cross-attention layer ${layer}: the model has ${maps.length}, ` +
          `numbered 0 to ${maps.length - 1}`,
      );
    }
  }
  const chosen = stacked
    ? [...Map.groupBy(layers, (layer) => crossAttention[layer]!.side).values()]
    : layers.map((layer) => [layer]);
  const weights = tokenSums ? g.input("token_weights", "float32", [tokens, "columns"]) : undefined;
  const attention = chosen.map((layers): AttentionOutput => {
    const name = `attention_${layers.join("_")}`;
    const all = layers.map((layer) => maps[layer]!);
    const joined = stacked ? stack(g, all) : all[0]!;
    g.output(joined, name);
    const heads = eachHead ? crossAttention[layers[0]!]!.heads : 1;
    if (!weights) return { name, layers, heads };
    const sumName = `${name}_sum`;
    g.output(matmul(g, joined, weights), sumName);
    return { name, layers, heads, sumName };
  });
  return { graph: g.build(), crossAttention, attention };
}

/** Stacks maps `[batch, positions, tokens]` of one size to `[batch, layers, positions, tokens]`. */
function stack(g: GraphBuilder, maps: readonly Value[]): Value {
  const [batch, positions, tokens] = maps[0]!.dims as [string, number, number];
  const single = maps.map((map) => reshape(g, map, [batch, 1, positions, tokens]));
  return single.length === 1 ? single[0]! : concat(g, single, 1);
}
