/**
 * BERT as a part of an ONNX graph, with the tensor names of transformers.
 *
 * @module
 */

import type { Fields } from "../json_fields.ts";
import { selfAttention } from "../onnx/attention.ts";
import type { GraphBuilder, Value } from "../onnx/graph.ts";
import { add, gather, gelu, layerNorm, linear, pick } from "../onnx/ops.ts";

/** Architecture of a BERT. */
export interface BertConfig {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of an embedding. */
  readonly hidden: number;
  /** Number of layers. */
  readonly layers: number;
  /** Attention heads of each layer. */
  readonly heads: number;
  /** Width inside each MLP. */
  readonly mlp: number;
  /** Most tokens of a phrase, start and end included. */
  readonly positions: number;
  /** Number of segment types; every token of a phrase has the first type. */
  readonly types: number;
  /** Epsilon of the transformer's layer norms. */
  readonly epsilon: number;
}

/** Prefix of every tensor's name; a `BertModel` that was saved by itself has names without it. */
export const BERT_PREFIX = "bert.";

/** Name of the table with one row per token id. */
export const BERT_TABLE = "bert.embeddings.word_embeddings.weight";

/**
 * Name prefixes of tensors that a checkpoint may hold beside the encoder, with and without its own
 * prefix: BERT's heads, and a buffer of position numbers. Older versions of transformers stored
 * this buffer.
 */
export const BERT_SKIPPED = [
  "cls.",
  "bert.pooler.",
  "bert.embeddings.position_ids",
  "pooler.",
  "embeddings.position_ids",
];

/** Linear layers of an attention. */
const PARTS = ["self.query", "self.key", "self.value", "output.dense"] as const;

/** Most layers, because each layer is built; BERT-large has 24. */
const MAX_LAYERS = 256;

/**
 * Reads the fields of a `config.json` that describe BERT. Missing fields have the defaults of
 * transformers.
 *
 * @throws {SyntaxError} If a field is invalid or describes another architecture.
 */
export function readBertConfig(fields: Fields): BertConfig {
  fields.choice("hidden_act", ["gelu"], "gelu");
  fields.choice("position_embedding_type", ["absolute"], "absolute");
  if (fields.flag("is_decoder", false)) fields.fail("is_decoder", "false");
  const config = {
    vocabulary: fields.count("vocab_size", 30522),
    hidden: fields.count("hidden_size", 768),
    layers: fields.count("num_hidden_layers", 12, { min: 1, max: MAX_LAYERS }),
    heads: fields.count("num_attention_heads", 12),
    mlp: fields.count("intermediate_size", 3072),
    positions: fields.count("max_position_embeddings", 512, { min: 2 }),
    types: fields.count("type_vocab_size", 2),
    epsilon: fields.number("layer_norm_eps", 1e-12),
  };
  const { hidden, heads } = config;
  if (hidden % heads !== 0) {
    throw fields.error(`hidden size ${hidden} does not fall into ${heads} heads`);
  }
  return config;
}

/**
 * Adds BERT's layers to a graph.
 *
 * @param words Row of {@linkcode BERT_TABLE} for each id, `[batch, tokens, hidden]`.
 * @param positions Index of each token, `[batch, tokens]` or `[tokens]`.
 * @param padding Values to add to the scores, `[batch, 1, 1, tokens]`, if padding may be masked.
 * @returns The last hidden state, `[batch, tokens, hidden]`.
 */
export function encodeBert(
  g: GraphBuilder,
  words: Value,
  config: BertConfig,
  positions: Value,
  padding?: Value,
): Value {
  const { hidden, epsilon } = config;
  const table = (part: string, rows: number) =>
    g.weight(`bert.embeddings.${part}_embeddings.weight`, [rows, hidden]);
  const type = pick(g, table("token_type", config.types), 0, 0); // [hidden]
  const places = gather(g, table("position", config.positions), positions);
  const norm = (x: Value, name: string) => layerNorm(g, x, `${name}.LayerNorm`, epsilon);
  const options = { heads: config.heads, ...(padding && { mask: padding }) };

  let x = norm(add(g, add(g, words, type), places), "bert.embeddings"); // [batch, tokens, hidden]
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `bert.encoder.layer.${layer}`;
    let h = selfAttention(g, x, `${name}.attention`, PARTS, options);
    x = norm(add(g, h, x), `${name}.attention.output`);
    h = gelu(g, linear(g, x, `${name}.intermediate.dense`, config.mlp)); // [batch, tokens, mlp]
    h = linear(g, h, `${name}.output.dense`, hidden);
    x = norm(add(g, h, x), `${name}.output`);
  }
  return x;
}
