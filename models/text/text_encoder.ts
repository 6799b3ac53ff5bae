/**
 * Text encoders of diffusion models: their configuration, their graph, and its inputs.
 *
 * @module
 */

import { show } from "../../base/text.ts";
import {
  type Checkpoint,
  closestShapes,
  fitTensors,
  ignoring,
  readRows,
} from "../checkpoint/mod.ts";
import { Fields } from "../json_fields.ts";
import { type Graph, GraphBuilder, tensorsOf } from "../onnx/graph.ts";
import { gather } from "../onnx/ops.ts";
import type { Tensor } from "../runtime/runtime.ts";
import type { EncodedPhrase } from "../tokenizer.ts";
import {
  BERT_PREFIX,
  BERT_SKIPPED,
  BERT_TABLE,
  type BertConfig,
  encodeBert,
  readBertConfig,
} from "./bert.ts";
import {
  CLIP_PREFIX,
  CLIP_TABLE,
  CLIP_TEXT_SKIPPED,
  type ClipTextConfig,
  encodeClip,
} from "./clip.ts";
import { paddingOf } from "./padding.ts";

/** CLIP's architecture, and the last layer that is left out of a whole CLIP model. */
export interface ClipLayout {
  /** Absent for CLIP. */
  readonly kind?: undefined;
  /** Architecture of the layers that run. */
  readonly config: ClipTextConfig;
  /**
   * Name prefix of the last layer's tensors, if the layer is left out. Stable Diffusion 2 reads
   * the text tower of OpenCLIP ViT-H one layer before its end.
   */
  readonly dropped?: string;
  /** The encoder hides padding, which no published model does; absent means it does not. */
  readonly hidesPadding?: true;
}

/** BERT's architecture. */
export interface BertLayout {
  /** Tells BERT from CLIP. */
  readonly kind: "bert";
  /** Architecture of the encoder. */
  readonly config: BertConfig;
  /** The model's own configuration says to hide padding; absent means it does not. */
  readonly hidesPadding?: true;
}

/** Architecture of a text encoder. CLIP has no `kind`, since names of cached latents have none. */
export type TextEncoderLayout = ClipLayout | BertLayout;

/** Most layers, because each layer is built; the published text encoder has 23. */
const MAX_LAYERS = 256;

/** Most tokens of a phrase, because the mask grows with their square; CLIP has 77. */
export const MAX_TOKENS = 1024;

/** Values of `model_type` that are read, with the architecture of each. */
const TYPES: ReadonlyMap<string, "clip" | "bert"> = new Map([
  ["clip", "clip"],
  ["clip_text_model", "clip"],
  ["bert", "bert"],
  ["cxr-bert", "bert"],
]);

/** Classes that are read if `model_type` is absent, as in BioViL-T's configuration. */
const BERT_CLASSES = ["BertModel", "BertForMaskedLM", "BertForPreTraining", "CXRBertModel"];

/**
 * Reads the `config.json` that transformers writes for a CLIP or a BERT.
 *
 * @param where The file in words, for messages.
 * @param keepsLast Whether a whole CLIP model keeps its last layer.
 * @throws {SyntaxError} If a field makes no sense, or the encoder is neither CLIP nor BERT.
 */
export function readTextConfig(json: unknown, where: string, keepsLast = false): TextEncoderLayout {
  const fields = new Fields(json, where);
  const hides = fields.flag("use_attention_mask", false) && { hidesPadding: true as const };
  return architectureOf(fields) === "bert"
    ? { kind: "bert", config: readBertConfig(fields), ...hides }
    : { ...readClipLayout(fields, keepsLast), ...hides };
}

/** Tells the architecture; a configuration that names none is CLIP's. */
function architectureOf(fields: Fields): "clip" | "bert" {
  const type = fields.any("model_type");
  const architectures = fields.any("architectures");
  const name = Array.isArray(architectures) ? architectures[0] : undefined;
  if (typeof type === "string") {
    const known = TYPES.get(type);
    if (known) return known;
  } else if (type === undefined || type === null) {
    if (BERT_CLASSES.includes(name)) return "bert";
    if (name === undefined || typeof name === "string" && name.startsWith("CLIP")) return "clip";
  }
  throw fields.error(
    `the text encoder ${show(type ?? name)} is not supported; expected CLIP or BERT ` +
      '("model_type" clip_text_model, clip, bert or cxr-bert)',
  );
}

function readClipLayout(outer: Fields, keepsLast: boolean): ClipLayout {
  const whole = outer.has("text_config");
  const fields = whole ? outer.object("text_config") : outer;
  const drops = whole && !keepsLast;
  // A whole CLIP model loses its last layer, so it needs at least one.
  const range = { min: whole ? 1 : 0, max: MAX_LAYERS };
  const layers = fields.count("num_hidden_layers", 12, range);
  // Missing fields have the defaults of transformers' CLIPTextConfig.
  const config: ClipTextConfig = {
    vocabulary: fields.count("vocab_size", 49408),
    hidden: fields.count("hidden_size", 512),
    layers: drops ? layers - 1 : layers,
    heads: fields.count("num_attention_heads", 8),
    mlp: fields.count("intermediate_size", 2048),
    activation: fields.choice("hidden_act", ["gelu", "quick_gelu"], "quick_gelu"),
    positions: fields.count("max_position_embeddings", 77, { min: 2, max: MAX_TOKENS }),
    epsilon: fields.number("layer_norm_eps", 1e-5),
  };
  if (config.hidden % config.heads !== 0) {
    throw outer.error(`hidden size ${config.hidden} does not fall into ${config.heads} heads`);
  }
  return drops ? { config, dropped: `text_model.encoder.layers.${layers - 1}.` } : { config };
}

/** Options of {@linkcode buildTextEncoder}. */
export interface TextEncoderOptions {
  /**
   * The graph itself looks up the rows of the token ids. At full size CLIP's table has
   * 202 MB, which exceeds the largest buffer of some devices. A phrase needs only its own rows.
   *
   * @default {true}
   */
  lookUp?: boolean;
  /**
   * Number of tokens of a phrase, padding included.
   *
   * @default {The number of positions}
   */
  tokens?: number;
}

/**
 * Builds the graph from token ids to the last hidden state, which is CLIP's after its final layer
 * norm.
 *
 * The input is `input_ids` `[batch, tokens]`. Without the look-up it is `tokens`
 * `[batch, tokens, hidden]`: the row of the encoder's table for each id. BERT, and a CLIP that hides
 * padding, have the input `padding` `[batch, 1, 1, tokens]` too: values to add to the scores. The
 * output is `embeddings` `[batch, tokens, hidden]`.
 */
export function buildTextEncoder(
  layout: TextEncoderLayout,
  { lookUp = true, tokens = layout.config.positions }: TextEncoderOptions = {},
): Graph {
  const g = new GraphBuilder("text_encoder");
  const { vocabulary, hidden } = layout.config;
  const rows = lookUp
    ? gather(
      g,
      g.weight(tokenTable(layout), [vocabulary, hidden]),
      g.input("input_ids", "int64", ["batch", tokens]),
    )
    : g.input("tokens", "float32", ["batch", tokens, hidden]);
  const padding = takesPadding(layout)
    ? g.input("padding", "float32", ["batch", 1, 1, tokens])
    : undefined;
  const states = layout.kind === "bert"
    ? encodeBert(g, rows, layout.config, g.ints([...Array(tokens).keys()]), padding)
    : encodeClip(g, rows, layout.config, tokens, padding);
  g.output(states, "embeddings");
  return g.build();
}

/** Name of the table with one row per token id. */
function tokenTable({ kind }: TextEncoderLayout): string {
  return kind === "bert" ? BERT_TABLE : CLIP_TABLE;
}

/** Tells if the graph has an input for padding: a method may hide BERT's padding at any time. */
function takesPadding({ kind, hidesPadding }: TextEncoderLayout): boolean {
  return kind === "bert" || hidesPadding === true;
}

/**
 * Finds an encoder's tensors in a checkpoint, by names with or without the encoder's prefix, and
 * checks that names and shapes match exactly.
 *
 * @returns The checkpoint with the tensors under the graph's names.
 * @throws {RangeError} If the tensors do not match.
 */
export async function fitTextEncoder(
  checkpoint: Checkpoint,
  layout: TextEncoderLayout,
): Promise<Checkpoint> {
  const expected = tensorsOf(buildTextEncoder(layout));
  const isBert = layout.kind === "bert";
  const prefix = isBert ? BERT_PREFIX : CLIP_PREFIX;
  const bare = new Map([...expected].map(([name, shape]) => [name.slice(prefix.length), shape]));
  const options = ignoring(
    // The projection of CXR-BERT is not a part of the encoder.
    isBert
      ? [...BERT_SKIPPED, "cls_projection_head."]
      : [...CLIP_TEXT_SKIPPED, ...(layout.dropped ? [layout.dropped] : [])],
  );
  const [whole, short] = [expected, bare].map((names) => closestShapes(checkpoint, names.keys()));
  if (short!.size <= whole!.size) return await fitTensors(checkpoint, expected, options);
  const fitted = await fitTensors(checkpoint, bare, options);
  return {
    ...fitted,
    tensors: new Map([...fitted.tensors].map(([name, entry]) => [prefix + name, entry])),
  };
}

/**
 * Makes the inputs of the graph without look-up for one phrase.
 *
 * @param checkpoint Result of {@linkcode fitTextEncoder}.
 */
export async function textFeeds(
  layout: TextEncoderLayout,
  checkpoint: Checkpoint,
  phrase: EncodedPhrase,
): Promise<Record<string, Tensor>> {
  const { ids } = phrase;
  const { hidden } = layout.config;
  const data = await readRows(checkpoint, tokenTable(layout), ids);
  const tokens = { data, dims: [1, ids.length, hidden] };
  if (!takesPadding(layout)) return { tokens };
  return { tokens, padding: { data: paddingOf(phrase), dims: [1, 1, 1, ids.length] } };
}
