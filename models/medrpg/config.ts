/**
 * The architecture of MedRPG, from the shapes and settings of a checkpoint.
 *
 * @module
 */

import { type Checkpoint, closestShapes } from "../checkpoint/mod.ts";
import { CELL, RESNET50, type ResnetConfig } from "../onnx/resnet.ts";
import type { BertConfig } from "../text/bert.ts";

/** Architecture of a stack of DETR's encoder layers. */
export interface StackConfig {
  /** Width of a token. */
  readonly width: number;
  readonly heads: number;
  /** Width inside each MLP. */
  readonly mlp: number;
  readonly layers: number;
}

/** Architecture of MedRPG. */
export interface MedrpgConfig {
  /** Side of the padded square that the model sees, in pixels. */
  readonly side: number;
  /** Tokens of a phrase, start, end and padding included. */
  readonly tokens: number;
  readonly trunk: ResnetConfig;
  readonly bert: BertConfig;
  /** Stack over the cells of an image. */
  readonly visual: StackConfig;
  /** Stack over the box's token, the phrase and the cells. */
  readonly fusion: StackConfig;
}

/** Prefixes of the names of tensors. */
export const TRUNK = "visumodel.backbone.0.body";
export const VISUAL_STACK = "visumodel.transformer.encoder.layers";
export const FUSION_STACK = "vl_transformer.encoder.layers";
export const TEXT_PREFIX = "textmodel.";
const BERT_LAYERS = `${TEXT_PREFIX}bert.encoder.layer`;
const EMBEDDINGS = `${TEXT_PREFIX}bert.embeddings`;

/** Positions of the fusion: one of the box's token, then those of the phrase and the cells. */
export const POSITIONS = "vl_pos_embed.weight";

/** Settings of the released training script (`train.py`); a checkpoint may state others. */
const DEFAULTS = { tokens: 20, heads: 8 } as const;

/** Channels of each head of BERT (Devlin et al., section 3). */
const BERT_HEAD = 64;

/** Epsilon of BERT's layer norms, in the configuration of bert-base-uncased. */
const BERT_EPSILON = 1e-12;

/** Most layers of a stack, and blocks of a stage; the released model has 12 at most. */
const MAX_LAYERS = 64;

/** Largest side of the square in pixels; the released model has 640. */
const MAX_SIDE = 4096;

/** Settings that another architecture would have, by name, with the values of this architecture. */
const FIXED: Readonly<Record<string, readonly (string | boolean)[]>> = {
  dilation: [false],
  pre_norm: [false],
  position_embedding: ["sine", "v2"],
};

/** Names of the tensors whose shapes describe the architecture. */
const TELLING = [
  POSITIONS,
  `${TRUNK}.conv1.weight`,
  "visumodel.input_proj.weight",
  `${EMBEDDINGS}.word_embeddings.weight`,
  `${EMBEDDINGS}.position_embeddings.weight`,
  `${EMBEDDINGS}.token_type_embeddings.weight`,
];

/**
 * Infers the architecture. Sizes come from shapes; the heads of the stacks and the tokens of a
 * phrase come from the training script's settings, if the checkpoint holds them.
 *
 * @throws {RangeError} If the checkpoint holds another architecture.
 */
export function medrpgConfig(checkpoint: Checkpoint): MedrpgConfig {
  const numbers = Array.from({ length: MAX_LAYERS }, (_, i) => i);
  const stages = RESNET50.blocks.map((_, stage) => `${TRUNK}.layer${stage + 1}`);
  const blockOf = (stage: string, block: number) => `${stage}.${block}.conv1.weight`;
  const firstOf = (stack: string, layer: number) => `${stack}.${layer}.linear1.weight`;
  const bertOf = (layer: number) => `${BERT_LAYERS}.${layer}.intermediate.dense.weight`;
  const expansion = `${stages[0]!}.0.conv3.weight`;
  const shapes = closestShapes(checkpoint, [
    ...TELLING,
    expansion,
    ...numbers.flatMap((i) => [
      ...stages.map((stage) => blockOf(stage, i)),
      ...[VISUAL_STACK, FUSION_STACK].map((stack) => firstOf(stack, i)),
      bertOf(i),
    ]),
  ]);
  const fail = (reason: string) =>
    new RangeError(`Cannot load "${checkpoint.path}" as MedRPG: ${reason}`);
  const size = (name: string, axis: number) => {
    const found = shapes.get(name)?.[axis];
    if (found !== undefined && found > 0) return found;
    throw fail(`it has no tensor "${name}" that could be MedRPG's`);
  };
  const count = (name: (i: number) => string) => {
    size(name(0), 0);
    return numbers.findIndex((i) => !shapes.has(name(i + 1))) + 1;
  };
  const setting = (name: string) => checkpoint.settings?.get(`args.${name}`);
  for (const [name, values] of Object.entries(FIXED)) {
    const value = setting(name);
    if (value !== undefined && !values.includes(value as string | boolean)) {
      throw fail(`its setting "${name}" is ${value}, expected ${values[0]}`);
    }
  }
  const whole = (name: string, fallback: number) => {
    const value = setting(name) ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
    throw fail(`its setting "${name}" is ${value}, expected a whole number above 0`);
  };
  const stack = (name: string, width: number, headSetting: string): StackConfig => {
    const heads = whole(headSetting, DEFAULTS.heads);
    if (width % heads !== 0) throw fail(`its ${width} channels do not fall into ${heads} heads`);
    return {
      width,
      heads,
      mlp: size(firstOf(name, 0), 0),
      layers: count((i) => firstOf(name, i)),
    };
  };
  const tokens = whole("max_query_len", DEFAULTS.tokens);
  const cells = size(POSITIONS, 0) - 1 - tokens;
  const side = CELL * Math.sqrt(cells);
  if (!(cells > 0 && Number.isInteger(side / CELL) && side <= MAX_SIDE)) {
    throw fail(
      `its "${POSITIONS}" has ${cells + 1 + tokens} rows, expected 1 for the box, ${tokens} for ` +
        "the phrase and a square number for the image",
    );
  }
  const hidden = size(`${EMBEDDINGS}.word_embeddings.weight`, 1);
  if (hidden % BERT_HEAD !== 0) {
    throw fail(`its BERT has ${hidden} channels, expected a multiple of ${BERT_HEAD}`);
  }
  const positions = size(`${EMBEDDINGS}.position_embeddings.weight`, 0);
  if (positions < tokens) {
    throw fail(`its BERT has ${positions} positions, expected at least ${tokens}`);
  }
  return {
    side,
    tokens,
    trunk: {
      stem: size(`${TRUNK}.conv1.weight`, 0),
      width: size(blockOf(stages[0]!, 0), 0),
      channels: size(expansion, 0),
      blocks: stages.map((stage) => count((i) => blockOf(stage, i))),
    },
    bert: {
      vocabulary: size(`${EMBEDDINGS}.word_embeddings.weight`, 0),
      hidden,
      layers: count(bertOf),
      heads: hidden / BERT_HEAD,
      mlp: size(bertOf(0), 0),
      positions,
      types: size(`${EMBEDDINGS}.token_type_embeddings.weight`, 0),
      epsilon: BERT_EPSILON,
    },
    visual: stack(VISUAL_STACK, size("visumodel.input_proj.weight", 0), "nheads"),
    fusion: stack(FUSION_STACK, size(POSITIONS, 1), "vl_nheads"),
  };
}
