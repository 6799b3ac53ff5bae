/**
 * CLIP's text encoder as an ONNX graph, with the tensor names of transformers.
 *
 * @module
 */

import { type Graph, GraphBuilder } from "../onnx/graph.ts";
import { attend } from "../onnx/attention.ts";
import { add, gather, gelu, layerNorm, linear, quickGelu } from "../onnx/ops.ts";

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
  /** Number of token positions, start, end and padding included. */
  readonly positions: number;
  /** Epsilon of every layer norm. */
  readonly epsilon: number;
}

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
];

/** Name of the table with one row per token id. */
export const TOKEN_TABLE = "text_model.embeddings.token_embedding.weight";

/** Options of {@linkcode buildTextEncoder}. */
export interface TextEncoderOptions {
  /**
   * Whether the graph itself looks up the rows of the token ids. At full size the table has
   * 202 MB, which exceeds the largest buffer of some devices. A phrase needs only 77 rows.
   *
   * @default {true}
   */
  lookUp?: boolean;
}

/**
 * Builds the graph from token ids to the last hidden state after the final layer norm.
 *
 * The input is `input_ids` `[batch, positions]`. Without the look-up it is `tokens`
 * `[batch, positions, hidden]`: the row of {@linkcode TOKEN_TABLE} for each id. The output is
 * `embeddings` `[batch, positions, hidden]`.
 */
export function buildTextEncoder(
  config: ClipTextConfig,
  { lookUp = true }: TextEncoderOptions = {},
): Graph {
  const g = new GraphBuilder("text_encoder");
  const { vocabulary, hidden, positions, epsilon } = config;
  const tokens = lookUp
    ? gather(
      g,
      g.weight(TOKEN_TABLE, [vocabulary, hidden]),
      g.input("input_ids", "int64", ["batch", positions]),
    )
    : g.input("tokens", "float32", ["batch", positions, hidden]);
  const places = g.weight("text_model.embeddings.position_embedding.weight", [positions, hidden]);
  // A token attends to itself and to earlier tokens. The most negative float32 stands for -inf,
  // as in transformers, so that no runtime computes inf - inf.
  const mask = g.floats(
    Float32Array.from(
      { length: positions * positions },
      (_, i) => i % positions > Math.floor(i / positions) ? -3.4028234663852886e38 : 0,
    ),
    [positions, positions],
  );

  let x = add(g, tokens, places); // [batch, positions, hidden]
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `text_model.encoder.layers.${layer}`;
    let h = layerNorm(g, x, `${name}.layer_norm1`, epsilon);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) =>
      linear(g, h, `${name}.self_attn.${part}`, hidden)
    );
    h = attend(g, q!, k!, v!, { heads: config.heads, mask }).output;
    x = add(g, x, linear(g, h, `${name}.self_attn.out_proj`, hidden));
    h = layerNorm(g, x, `${name}.layer_norm2`, epsilon);
    h = linear(g, h, `${name}.mlp.fc1`, config.mlp); // [batch, positions, mlp]
    h = config.activation === "gelu" ? gelu(g, h) : quickGelu(g, h);
    x = add(g, x, linear(g, h, `${name}.mlp.fc2`, hidden));
  }
  g.output(layerNorm(g, x, "text_model.final_layer_norm", epsilon), "embeddings");
  return g.build();
}
