/**
 * CLIP's text encoder as an ONNX graph, with the tensor names of transformers.
 *
 * @module
 */

import { selfAttention } from "../onnx/attention.ts";
import type { GraphBuilder, Value } from "../onnx/graph.ts";
import { add, gather, gelu, layerNorm, linear, min, quickGelu } from "../onnx/ops.ts";
import { HIDDEN } from "./padding.ts";

/** Architecture of a CLIP text encoder. */
export interface ClipTextConfig {
  /** Number of token ids. */
  readonly vocabulary: number;
  /** Width of an embedding. */
  readonly hidden: number;
  /** Number of layers, without a last layer that is left out. */
  readonly layers: number;
  /** Attention heads of each layer. */
  readonly heads: number;
  /** Width inside each MLP. */
  readonly mlp: number;
  /** Activation of each MLP. */
  readonly activation: "gelu" | "quick_gelu";
  /** Number of token positions, start, end and padding included; a model may use fewer. */
  readonly positions: number;
  /** Epsilon of every layer norm. */
  readonly epsilon: number;
}

/** Prefix of every tensor's name; transformers 5 writes names without it. */
export const CLIP_PREFIX = "text_model.";

/**
 * Name prefixes of tensors that a checkpoint may hold beside the text encoder. A whole CLIP model
 * has another tower and projections. Older versions of transformers stored a buffer of position
 * numbers.
 */
export const CLIP_TEXT_SKIPPED = [
  "vision_model.",
  "visual_projection.",
  "text_projection.",
  "logit_scale",
  "text_model.embeddings.position_ids",
  "embeddings.position_ids",
];

/** Linear layers of an attention. */
const PARTS = ["q_proj", "k_proj", "v_proj", "out_proj"] as const;

/** Name of the table with one row per token id. */
export const CLIP_TABLE = "text_model.embeddings.token_embedding.weight";

/**
 * Adds CLIP's layers to a graph.
 *
 * @param tokens Row of {@linkcode CLIP_TABLE} for each id, `[batch, tokens, hidden]`.
 * @param length Number of tokens, at most the number of positions.
 * @param padding Values to add to the scores, `[batch, 1, 1, tokens]`, if padding may be masked.
 * @returns The last hidden state after the final layer norm, `[batch, tokens, hidden]`.
 */
export function encodeClip(
  g: GraphBuilder,
  tokens: Value,
  config: ClipTextConfig,
  length: number,
  padding?: Value,
): Value {
  const { hidden, positions, epsilon } = config;
  const table = g.weight("text_model.embeddings.position_embedding.weight", [positions, hidden]);
  const places = length === positions ? table : gather(g, table, g.ints([...Array(length).keys()]));
  // A token attends to itself and to earlier tokens.
  const causal = g.floats(
    Float32Array.from(
      { length: length * length },
      (_, i) => i % length > Math.floor(i / length) ? HIDDEN : 0,
    ),
    [length, length],
  );
  const mask = padding ? min(g, causal, padding) : causal;

  let x = add(g, tokens, places); // [batch, tokens, hidden]
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `text_model.encoder.layers.${layer}`;
    let h = layerNorm(g, x, `${name}.layer_norm1`, epsilon);
    h = selfAttention(g, h, `${name}.self_attn`, PARTS, { heads: config.heads, mask });
    x = add(g, x, h);
    h = layerNorm(g, x, `${name}.layer_norm2`, epsilon);
    h = linear(g, h, `${name}.mlp.fc1`, config.mlp); // [batch, tokens, mlp]
    h = config.activation === "gelu" ? gelu(g, h) : quickGelu(g, h);
    x = add(g, x, linear(g, h, `${name}.mlp.fc2`, hidden));
  }
  return layerNorm(g, x, "text_model.final_layer_norm", epsilon);
}
