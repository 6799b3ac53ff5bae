/**
 * CXR-BERT with its projection as an ONNX graph, with the tensor names of transformers.
 *
 * @module
 */

import { Fields } from "../json_fields.ts";
import { type Graph, GraphBuilder } from "../onnx/graph.ts";
import { gather, gelu, l2Normalize, layerNorm, linear, pick } from "../onnx/ops.ts";
import { BERT_TABLE, type BertConfig, encodeBert, readBertConfig } from "../text/bert.ts";

/** Architecture of CXR-BERT. */
export interface TextEncoderConfig extends BertConfig {
  /** Width of the projected embedding. */
  readonly joint: number;
}

/** Epsilon of the projection's layer norm; the configuration has no field for it. */
const PROJECTION_EPSILON = 1e-12;

/**
 * Reads a `config.json` of CXR-BERT. Missing fields have the defaults of transformers.
 *
 * @param where The file in words, for messages.
 * @throws {SyntaxError} If a field is invalid or describes another architecture.
 */
export function readTextEncoderConfig(json: unknown, where: string): TextEncoderConfig {
  const fields = new Fields(json, where);
  return { ...readBertConfig(fields), joint: fields.count("projection_size", 128) };
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
  const ids = (name: string) => g.input(name, "int64", [1, "tokens"]);
  const table = g.weight(BERT_TABLE, [config.vocabulary, config.hidden]);
  const words = gather(g, table, ids("input_ids"));
  const x = encodeBert(g, words, config, ids("position_ids")); // [1, tokens, hidden]
  const head = "cls_projection_head";
  let y = pick(g, x, 1, 0); // [1, hidden]
  y = gelu(g, linear(g, y, `${head}.dense_to_hidden`, config.joint));
  y = layerNorm(g, y, `${head}.LayerNorm`, PROJECTION_EPSILON);
  y = linear(g, y, `${head}.dense_to_output`, config.joint);
  g.output(l2Normalize(g, y, 1), "embedding");
  return g.build();
}
