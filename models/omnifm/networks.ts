/**
 * OmniFM-DR's networks as ONNX graphs, with the tensor names of OFA: the image part, the encoder,
 * and a step of the decoder.
 *
 * @module
 */

import { type Dim, type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import {
  add,
  concat,
  gather,
  gelu,
  layerNorm,
  linear,
  matmul,
  mul,
  pick,
  reshape,
  scale,
  sizeOf,
  softmax,
  transpose,
} from "../onnx/ops.ts";
import { resnet, type ResnetConfig } from "../onnx/resnet.ts";
import { cellIds, imageRows } from "./positions.ts";

/** Architecture of a model. */
export interface OmnifmConfig {
  /** The first three stages of a ResNet. */
  readonly trunk: ResnetConfig;
  /** Width of a token. */
  readonly width: number;
  readonly encoder: StackConfig;
  readonly decoder: StackConfig;
  /** Rows of the embeddings of tokens. */
  readonly vocabulary: number;
  /** Rows of the embeddings of positions in texts, for the encoder and the decoder. */
  readonly sourcePositions: number;
  readonly targetPositions: number;
  /** Cells along a side of the square of image positions, and along a side of the image. */
  readonly imageBucket: number;
  readonly grid: number;
  /** Half of the rows of a token table, rounded up. */
  readonly tokenBucket: number;
  /** Divides the scores of content and positions: both share a head's width. */
  readonly attentionFactor: number;
  /** Parts that a checkpoint may lack. */
  readonly scaleAttention: boolean;
  readonly scaleMlp: boolean;
  readonly scaleHeads: boolean;
  readonly imageTables: boolean;
}

/** Sizes of the encoder or the decoder. */
export interface StackConfig {
  readonly layers: number;
  /** Heads of each attention. */
  readonly heads: number;
  /** Width inside each MLP. */
  readonly mlp: number;
}

/** Prefix of the trunk's names. */
export const TRUNK = "encoder.embed_images";

/** Prefix of the embeddings of tokens, which encoder, decoder and logits share. */
const TOKENS = "encoder.embed_tokens";

/** Name of the embeddings of tokens. */
export const EMBEDDINGS = `${TOKENS}.weight`;

/** Pixels along a side of an image cell. */
export const CELL = 16;

/**
 * Builds the graph from an image to its embedded cells. The input is `image`
 * `[1, 3, side, side]` in -1..1. The outputs are `trunk` `[1, channels * 4, grid, grid]`, and
 * `cells` `[grid * grid, width]`, row by row.
 */
export function buildImagePart(config: OmnifmConfig): Graph {
  const g = new GraphBuilder("image_part");
  const side = config.grid * CELL;
  const image = g.input("image", "float32", [1, 3, side, side]);
  const features = resnet(g, image, config.trunk, TRUNK).at(-1)!;
  g.output(features, "trunk");
  const [, channels] = features.dims as number[];
  const rows = transpose(g, reshape(g, features, [channels!, config.grid ** 2]), [1, 0]);
  const cells = linear(g, rows, "encoder.image_proj", config.width);
  const type = pick(g, g.weight("encoder.type_embedding.weight", [2, config.width]), 0, 1);
  g.output(layerNorm(g, add(g, cells, type), "encoder.patch_layernorm_embedding"), "cells");
  return g.build();
}

/**
 * Builds the graph from an image's cells and an instruction to the inputs of the decoder.
 *
 * Inputs are `cells` `[cells, width]`, `words` `[text, width]`, the embeddings of the tokens,
 * `text_positions` `[text]`, counted from 0, `relative` `[source, source]` with the rows of
 * `relativeRows()`, and `steps` `[steps]`, the positions of the answer from 0. The source is the cells
 * and then the text.
 *
 * Outputs are `encoded` `[source, width]`; `self_bias` `[heads, steps, steps]` and `cross_bias`
 * `[heads, steps, source]`, the absolute positions' part of the decoder's scores; and for each
 * layer N of the decoder `cross_key.N` `[heads, width / heads, source]` and `cross_value.N`
 * `[heads, source, width / heads]`.
 */
export function buildEncoder(config: OmnifmConfig): Graph {
  const g = new GraphBuilder("encoder");
  const { width, encoder: { heads, layers, mlp: inner }, decoder, grid, imageBucket } = config;
  const cells = g.input("cells", "float32", [grid ** 2, width]);
  const embedded = g.input("words", "float32", ["text", width]);
  const textPositions = g.input("text_positions", "int64", ["text"]);
  const relative = g.input("relative", "int64", ["source", "source"]);
  const steps = g.input("steps", "int64", ["steps"]);

  const type = pick(g, g.weight("encoder.type_embedding.weight", [2, width]), 0, 0);
  const words = add(g, embedded, type);
  let x = concat(g, [cells, layerNorm(g, words, "encoder.layernorm_embedding")], 0, "source");
  /** Looks positions up in a table, and normalises them. */
  const placesOf = (name: string, rows: number, ids: Value, norm: string) =>
    layerNorm(g, gather(g, g.weight(`${name}.weight`, [rows, width]), ids), norm);
  const imageIds = g.ints(cellIds(grid, imageBucket));
  const squares = imageBucket ** 2 + 1;
  const places = concat(
    g,
    [
      placesOf("encoder.embed_image_positions", squares, imageIds, "encoder.image_pos_ln"),
      placesOf("encoder.embed_positions", config.sourcePositions, textPositions, "encoder.pos_ln"),
    ],
    0,
    "source",
  );
  const absolute = positionScores(g, config, heads, places, places, "encoder.pos");

  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.layers.${layer}`;
    const bias = add(g, absolute, gather(g, relativeTable(g, config, layer), relative, 1));
    const h = layerNorm(g, x, `${name}.self_attn_layer_norm`);
    const query = headRows(g, project(g, config, heads, h, `${name}.self_attn.q_proj`), heads);
    const key = headColumns(g, linear(g, h, `${name}.self_attn.k_proj`, width), heads);
    const value = headRows(g, linear(g, h, `${name}.self_attn.v_proj`, width), heads);
    const mixed = attend(
      g,
      config,
      { query, key, value, bias },
      heads,
      `${name}.self_attn`,
      "source",
    );
    x = add(g, x, config.scaleAttention ? layerNorm(g, mixed, `${name}.attn_ln`) : mixed);
    x = add(g, x, mlp(g, config, x, name, inner));
  }
  x = layerNorm(g, x, "encoder.layer_norm");
  g.output(x, "encoded");

  const { targetPositions } = config;
  const answer = placesOf("decoder.embed_positions", targetPositions, steps, "decoder.pos_ln");
  for (const [part, keys] of Object.entries({ self: answer, cross: places })) {
    const name = `decoder.${part}_pos`;
    g.output(positionScores(g, config, decoder.heads, answer, keys, name), `${part}_bias`);
  }
  for (let layer = 0; layer < decoder.layers; layer++) {
    const name = `decoder.layers.${layer}.encoder_attn`;
    const key = headColumns(g, linear(g, x, `${name}.k_proj`, width), decoder.heads);
    const value = headRows(g, linear(g, x, `${name}.v_proj`, width), decoder.heads);
    g.output(key, `cross_key.${layer}`);
    g.output(value, `cross_value.${layer}`);
  }
  return g.build();
}

/**
 * Builds the graph of one step of the decoder for all beams.
 *
 * Inputs are `words` `[beams, width]`, the embedding of each beam's last token; `parent` `[beams]`,
 * the row of the past that each beam continues; `self_bias` `[heads, 1, seen]` and `cross_bias`
 * `[heads, 1, source]`, the step's rows of the encoder's outputs; and `buckets` `[seen]`, rows of
 * the token tables. For each layer N the inputs are `past_key.N` and `past_value.N` `[parents,
 * heads, past, width / heads]` of the step before, and the encoder's `cross_key.N` and
 * `cross_value.N`. The seen tokens are the past and the last token. At the first step the past is
 * empty.
 *
 * Outputs are `logits` `[beams, vocabulary]`, and for each layer `key.N` and `value.N`
 * `[beams, heads, seen, width / heads]`.
 */
export function buildDecoderStep(config: OmnifmConfig): Graph {
  const g = new GraphBuilder("decoder_step");
  const { width, decoder: { heads, layers, mlp: inner }, tokenBucket } = config;
  const each = width / heads;
  const parent = g.input("parent", "int64", ["beams"]);
  const selfBias = g.input("self_bias", "float32", [heads, 1, "seen"]);
  const crossBias = g.input("cross_bias", "float32", [heads, 1, "source"]);
  const buckets = g.input("buckets", "int64", ["seen"]);
  const words = g.input("words", "float32", ["beams", width]);
  let x = layerNorm(g, words, "decoder.layernorm_embedding"); // [beams, width]

  for (let layer = 0; layer < layers; layer++) {
    const name = `decoder.layers.${layer}`;
    /** Appends the last token to the past of each beam. */
    const remember = (h: Value, part: "key" | "value") => {
      const dims = ["parents", heads, "past", each];
      const past = gather(g, g.input(`past_${part}.${layer}`, "float32", dims), parent);
      const last = reshape(g, h, ["beams", heads, 1, each]);
      const all = concat(g, [past, last], 2, "seen");
      g.output(all, `${part}.${layer}`);
      return all;
    };
    let h = layerNorm(g, x, `${name}.self_attn_layer_norm`);
    const key = remember(linear(g, h, `${name}.self_attn.k_proj`, width), "key");
    const value = remember(linear(g, h, `${name}.self_attn.v_proj`, width), "value");
    const query = reshape(g, project(g, config, heads, h, `${name}.self_attn.q_proj`), [
      "beams",
      heads,
      1,
      each,
    ]);
    const rows = g.weight(`decoder.token_rel_pos_table_list.${layer}.weight`, [
      2 * tokenBucket - 1,
      heads,
    ]);
    const near = reshape(g, transpose(g, gather(g, rows, buckets), [1, 0]), [heads, 1, "seen"]);
    const own = {
      query,
      key: transpose(g, key, [0, 1, 3, 2]),
      value,
      bias: add(g, selfBias, near),
    };
    h = attend(g, config, own, heads, `${name}.self_attn`, "beams");
    x = add(g, x, config.scaleAttention ? layerNorm(g, h, `${name}.self_attn_ln`) : h);

    h = layerNorm(g, x, `${name}.encoder_attn_layer_norm`);
    const cross = {
      query: headRows(g, project(g, config, heads, h, `${name}.encoder_attn.q_proj`), heads),
      key: g.input(`cross_key.${layer}`, "float32", [heads, each, "source"]),
      value: g.input(`cross_value.${layer}`, "float32", [heads, "source", each]),
      bias: crossBias,
    };
    h = attend(g, config, cross, heads, `${name}.encoder_attn`, "beams");
    x = add(g, x, config.scaleAttention ? layerNorm(g, h, `${name}.cross_attn_ln`) : h);
    x = add(g, x, mlp(g, config, x, name, inner));
  }
  x = layerNorm(g, x, "decoder.layer_norm");
  g.output(linear(g, x, TOKENS, config.vocabulary, { bias: false }), "logits");
  return g.build();
}

/** `[rows, channels]` -> `[heads, rows, channels / heads]` */
function headRows(g: GraphBuilder, x: Value, heads: number): Value {
  return transpose(g, splitHeads(g, x, heads), [1, 0, 2]);
}

/** `[rows, channels]` -> `[heads, channels / heads, rows]` */
function headColumns(g: GraphBuilder, x: Value, heads: number): Value {
  return transpose(g, splitHeads(g, x, heads), [1, 2, 0]);
}

function splitHeads(g: GraphBuilder, x: Value, heads: number): Value {
  return reshape(g, x, [x.dims[0]!, heads, sizeOf(x, 1) / heads]);
}

/** A linear layer for queries, divided by the root of a head's width times the factor. */
function project(
  g: GraphBuilder,
  { width, attentionFactor }: OmnifmConfig,
  heads: number,
  x: Value,
  name: string,
): Value {
  return scale(g, linear(g, x, name, width), (width / heads * attentionFactor) ** -0.5);
}

/** Scores of positions by themselves, `[heads, queries, keys]`. */
function positionScores(
  g: GraphBuilder,
  config: OmnifmConfig,
  heads: number,
  queries: Value,
  keys: Value,
  name: string,
): Value {
  const query = headRows(g, project(g, config, heads, queries, `${name}_q_linear`), heads);
  const key = linear(g, keys, `${name}_k_linear`, config.width);
  return matmul(g, query, headColumns(g, key, heads));
}

/** Tables of a layer of the encoder for all relative positions, `[heads, rows]`. */
function relativeTable(g: GraphBuilder, config: OmnifmConfig, layer: number): Value {
  const { encoder: { heads }, imageBucket, tokenBucket, imageTables } = config;
  const count = imageRows(imageBucket) + 3;
  const name = (part: string) => `encoder.${part}_rel_pos_table_list.${layer}.weight`;
  // Training starts these tables with zeros, so a checkpoint without them means zeros.
  const image = imageTables
    ? g.weight(name("image"), [count, heads])
    : g.floats(new Float32Array(count * heads), [count, heads]);
  const token = g.weight(name("token"), [2 * tokenBucket - 1, heads]);
  const zeros = g.floats(new Float32Array(heads), [1, heads]);
  return transpose(g, concat(g, [image, token, zeros], 0), [1, 0]);
}

/** Operands of an attention by heads. */
interface Operands {
  /** `[…, heads, queries, d]` */
  readonly query: Value;
  /** `[…, heads, d, keys]` */
  readonly key: Value;
  /** `[…, heads, keys, d]` */
  readonly value: Value;
  /** Broadcast to `[…, heads, queries, keys]`. */
  readonly bias: Value;
}

/** Attends, weights each head, and joins the heads to `[rows, width]`. */
function attend(
  g: GraphBuilder,
  { width, scaleHeads }: OmnifmConfig,
  { query, key, value, bias }: Operands,
  heads: number,
  name: string,
  rows: Dim,
): Value {
  const weights = softmax(g, add(g, matmul(g, query, key), bias));
  let mixed = matmul(g, weights, value);
  if (scaleHeads) {
    mixed = mul(g, mixed, reshape(g, g.weight(`${name}.c_attn`, [heads]), [heads, 1, 1]));
  }
  // Queries are rows of heads, or single rows of beams whose heads are in order already.
  const joined = mixed.dims.length === 3 ? transpose(g, mixed, [1, 0, 2]) : mixed;
  return linear(g, reshape(g, joined, [rows, width]), `${name}.out_proj`, width);
}

/** The MLP of a layer, with the norm before it. */
function mlp(g: GraphBuilder, config: OmnifmConfig, x: Value, name: string, inner: number): Value {
  const h = gelu(g, linear(g, layerNorm(g, x, `${name}.final_layer_norm`), `${name}.fc1`, inner));
  const normed = config.scaleMlp ? layerNorm(g, h, `${name}.ffn_layernorm`) : h;
  return linear(g, normed, `${name}.fc2`, config.width);
}
