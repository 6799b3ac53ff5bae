/**
 * MedRPG (Chen et al., "Medical Phrase Grounding with Region-Phrase Context Contrastive Alignment",
 * MICCAI 2023) as two ONNX graphs: one for an image, one for each of its phrases.
 *
 * @module
 */

import { selfAttention } from "../onnx/attention.ts";
import { type Graph, GraphBuilder, type Value } from "../onnx/graph.ts";
import { conv } from "../onnx/image_ops.ts";
import {
  add,
  concat,
  gather,
  layerNorm,
  linear,
  pick,
  relu,
  reshape,
  sigmoid,
  sizeOf,
  transpose,
} from "../onnx/ops.ts";
import { CELL, resnet } from "../onnx/resnet.ts";
import { BERT_TABLE, encodeBert } from "../text/bert.ts";
import {
  FUSION_STACK,
  type MedrpgConfig,
  POSITIONS,
  type StackConfig,
  TEXT_PREFIX,
  TRUNK,
  VISUAL_STACK,
} from "./config.ts";

/** Further outputs of a graph: its intermediate results, for comparison with others. */
export interface FeatureOptions {
  /** @default {false} */
  readonly features?: boolean;
}

/** Number of cells along a side of the image. */
export function cellsOf({ side }: MedrpgConfig): number {
  return side / CELL;
}

/**
 * Builds the graph of an image. Inputs are `image` `[1, 3, side, side]`, `position`
 * `[cells², width]`, and `hidden` `[1, 1, 1, cells²]`, which is added to scores to hide padding. The
 * output is `visual` `[1, cells², fusion width]`. Features are `layer1`, `layer4`, `input_proj`,
 * `detr_layer_0` and `detr_memory`.
 */
export function buildImageGraph(
  config: MedrpgConfig,
  { features = false }: FeatureOptions = {},
): Graph {
  const g = new GraphBuilder("medrpg_image");
  const { side, visual, fusion } = config;
  const cells = cellsOf(config) ** 2;
  const image = g.input("image", "float32", [1, 3, side, side]);
  const position = g.input("position", "float32", [cells, visual.width]);
  const hidden = g.input("hidden", "float32", [1, 1, 1, cells]);
  const stages = resnet(g, image, config.trunk, TRUNK);
  const projected = conv(g, stages.at(-1)!, "visumodel.input_proj", {
    channels: visual.width,
    kernel: 1,
  });
  const rows = transpose(g, reshape(g, projected, [1, visual.width, cells]), [0, 2, 1]);
  const layers = encode(g, rows, VISUAL_STACK, visual, position, hidden);
  if (features) {
    g.output(stages[0]!, "layer1");
    g.output(stages.at(-1)!, "layer4");
    g.output(projected, "input_proj");
    g.output(layers[0]!, "detr_layer_0");
    g.output(layers.at(-1)!, "detr_memory");
  }
  g.output(linear(g, layers.at(-1)!, "visu_proj", fusion.width), "visual");
  return g.build();
}

/**
 * Builds the graph of a phrase. Inputs are `input_ids` `[1, tokens]`, `visual` of the image, and
 * values that are added to scores to hide padding: `text_hidden` `[1, 1, 1, tokens]`, and `hidden`
 * `[1, 1, 1, 1 + tokens + cells²]` for the box's token, the phrase and the image. The output is
 * `box` `[1, 4]`: centre, width and height as shares of the square. Features are
 * `bert_last_hidden`, `text_proj`, `vl_layer_0`, `vl_output` and `box_logits`.
 */
export function buildPhraseGraph(
  config: MedrpgConfig,
  { features = false }: FeatureOptions = {},
): Graph {
  const g = new GraphBuilder("medrpg_phrase");
  const { tokens, bert, fusion: { width } } = config;
  const cells = cellsOf(config) ** 2;
  const length = 1 + tokens + cells;
  const ids = g.input("input_ids", "int64", [1, tokens]);
  const textHidden = g.input("text_hidden", "float32", [1, 1, 1, tokens]);
  const visual = g.input("visual", "float32", [1, cells, width]);
  const hidden = g.input("hidden", "float32", [1, 1, 1, length]);

  const words = gather(g, g.weight(BERT_TABLE, [bert.vocabulary, bert.hidden]), ids);
  const places = g.ints(Array.from({ length: tokens }, (_, i) => i));
  const text = encodeBert(g, words, bert, places, textHidden); // [1, tokens, bert hidden]
  const projected = linear(g, text, "text_proj", width); // [1, tokens, width]
  const box = reshape(g, g.weight("reg_token.weight", [1, width]), [1, 1, width]);
  const sequence = concat(g, [box, projected, visual], 1); // [1, length, width]
  const positions = g.weight(POSITIONS, [length, width]);
  const layers = encode(g, sequence, FUSION_STACK, config.fusion, positions, hidden);
  let x = pick(g, layers.at(-1)!, 1, 0); // [1, width]
  for (const layer of [0, 1]) x = relu(g, linear(g, x, `bbox_embed.layers.${layer}`, width));
  x = linear(g, x, "bbox_embed.layers.2", 4);
  if (features) {
    g.output(text, "bert_last_hidden");
    g.output(projected, "text_proj");
    g.output(layers[0]!, "vl_layer_0");
    g.output(layers.at(-1)!, "vl_output");
    g.output(x, "box_logits");
  }
  g.output(sigmoid(g, x), "box");
  return g.build();
}

/**
 * A stack of DETR's encoder layers, with the norms after the sums.
 *
 * @param x `[1, tokens, width]`.
 * @param position Added to queries and keys, `[tokens, width]`.
 * @param hidden Added to scores, `[1, 1, 1, tokens]`.
 * @returns The result of each layer, `[1, tokens, width]`.
 */
function encode(
  g: GraphBuilder,
  x: Value,
  stack: string,
  { heads, mlp, layers }: StackConfig,
  position: Value,
  hidden: Value,
): Value[] {
  const width = sizeOf(x, 2);
  const results: Value[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const name = `${stack}.${layer}`;
    const placed = add(g, x, position);
    const options = { heads, mask: hidden };
    let h = selfAttention(g, x, `${name}.self_attn`, [...PARTS, "out_proj"], options, placed);
    x = layerNorm(g, add(g, x, h), `${name}.norm1`);
    h = relu(g, linear(g, x, `${name}.linear1`, mlp));
    h = linear(g, h, `${name}.linear2`, width);
    x = layerNorm(g, add(g, x, h), `${name}.norm2`);
    results.push(x);
  }
  return results;
}

/** Parts of a combined projection, in the order of their rows (`nn.MultiheadAttention`). */
const PARTS = ["q", "k", "v"] as const;

/** Place of a graph's weight in the checkpoint. */
export interface WeightPlace {
  /** Name of the tensor in the checkpoint. */
  readonly own: string;
  /** Index of the third of the tensor's rows that hold the weight; absent for the whole tensor. */
  readonly part?: number;
}

/** Finds the place of a graph's weight: the checkpoint combines projections, and prefixes BERT. */
export function placeOf(name: string): WeightPlace {
  const combined = /^(.*\.self_attn)\.([qkv])\.(weight|bias)$/.exec(name);
  if (combined) {
    const [, layer, part, kind] = combined;
    return { own: `${layer}.in_proj_${kind}`, part: PARTS.findIndex((each) => each === part) };
  }
  return { own: name.startsWith("bert.") ? TEXT_PREFIX + name : name };
}

/** Shapes of the checkpoint's tensors that graphs read, by the checkpoint's names. */
export function checkpointShapes(graphs: readonly Graph[]): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const [name, [rows = 1, ...others]] of graphs.flatMap(({ weights }) => [...weights])) {
    const { own, part } = placeOf(name);
    shapes.set(own, [part === undefined ? rows : PARTS.length * rows, ...others]);
  }
  return shapes;
}
