/**
 * CXR-BERT as an ONNX graph, with the tensor names of transformers.
 *
 * @module
 */

import { Fields } from "../json_fields.ts";
import { attend } from "../onnx/attention.ts";
import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { add, gather, gelu, l2Normalize, layerNorm, linear, pick } from "../onnx/ops.ts";

/** Architecture of CXR-BERT. */
export interface TextEncoderConfig {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of an embedding. */
  readonly hidden: number;
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
  /** Width of the projected embedding. */
  readonly joint: number;
}

/** Epsilon of the projection's layer norm; the configuration has no field for it. */
const PROJECTION_EPSILON = 1e-12;

/**
 * Name prefixes of published tensors that no heatmap needs: BERT's heads and a buffer of position
 * numbers. Older versions of transformers stored this buffer.
 */
export const TEXT_SKIPPED = ["cls.", "bert.pooler.", "bert.embeddings.position_ids"];

/** Most layers, because each layer is built; BERT-large has 24. */
const MAX_LAYERS = 256;

/**
 * Reads a `config.json` of CXR-BERT. Missing fields have the defaults of transformers.
 *
 * @param json The parsed file.
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field is invalid or describes another architecture.
 */
export function readTextEncoderConfig(json: unknown, where: string): TextEncoderConfig {
  const fields = new Fields(json, where);
  fields.choice("hidden_act", ["gelu"], "gelu");
  fields.choice("position_embedding_type", ["absolute"], "absolute");
  const config = {
    vocabulary: fields.count("vocab_size", 30522),
    hidden: fields.count("hidden_size", 768),
    layers: fields.count("num_hidden_layers", 12, { min: 1, max: MAX_LAYERS }),
    heads: fields.count("num_attention_heads", 12),
    mlp: fields.count("intermediate_size", 3072),
    positions: fields.count("max_position_embeddings", 512, { min: 2 }),
    types: fields.count("type_vocab_size", 2),
    epsilon: fields.number("layer_norm_eps", 1e-12),
    joint: fields.count("projection_size", 128),
  };
  const { hidden, heads } = config;
  if (hidden % heads !== 0) {
    throw fields.error(`hidden size ${hidden} does not fall into ${heads} heads`);
  }
  return config;
}

/**
 * Builds the graph from token ids to the projected embedding of the first token, of length 1.
 *
 * Inputs are `input_ids` `[1, tokens]`, start and end included, and `position_ids` `[1, tokens]`,
 * counted from 0. There is no padding, so the graph needs no mask. The output is `embedding`
 * `[1, joint]`.
 */
export function buildTextEncoder(config: TextEncoderConfig): Graph {
  const g = new GraphBuilder("text_encoder");
  const { hidden, epsilon } = config;
  const table = (part: string, rows: number) =>
    g.weight(`bert.embeddings.${part}_embeddings.weight`, [rows, hidden]);
  const ids = (name: string) => g.input(name, "int64", [1, "tokens"]);

  const words = gather(g, table("word", config.vocabulary), ids("input_ids"));
  const type = pick(g, table("token_type", config.types), 0, 0); // [hidden]
  const places = gather(g, table("position", config.positions), ids("position_ids"));
  const norm = (x: Value, name: string) => layerNorm(g, x, `${name}.LayerNorm`, epsilon);

  let x = norm(add(g, add(g, words, type), places), "bert.embeddings"); // [1, tokens, hidden]
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `bert.encoder.layer.${layer}`;
    const [q, k, v] = ["query", "key", "value"].map((part) =>
      linear(g, x, `${name}.attention.self.${part}`, hidden)
    );
    let h = attend(g, q!, k!, v!, { heads: config.heads }).output;
    h = linear(g, h, `${name}.attention.output.dense`, hidden);
    x = norm(add(g, h, x), `${name}.attention.output`);
    h = gelu(g, linear(g, x, `${name}.intermediate.dense`, config.mlp)); // [1, tokens, mlp]
    h = linear(g, h, `${name}.output.dense`, hidden);
    x = norm(add(g, h, x), `${name}.output`);
  }
  const head = "cls_projection_head";
  let y = pick(g, x, 1, 0); // [1, hidden]
  y = gelu(g, linear(g, y, `${head}.dense_to_hidden`, config.joint));
  y = layerNorm(g, y, `${head}.LayerNorm`, PROJECTION_EPSILON);
  y = linear(g, y, `${head}.dense_to_output`, config.joint);
  g.output(l2Normalize(g, y, 1), "embedding");
  return g.build();
}
