/**
 * MedRPG at full size with weights that any language can make, after the recipe in
 * `shared/reference/medrpg_full/expected.json`.
 *
 * @module
 */

import { elementCount } from "../../models/onnx/graph.ts";
import { writeSafetensors } from "../../models/checkpoint/mod.ts";
import type { MedrpgConfig } from "../../models/medrpg/config.ts";
import {
  buildImageGraph,
  buildPhraseGraph,
  checkpointShapes,
} from "../../models/medrpg/networks.ts";
import { RESNET50 } from "../../models/onnx/resnet.ts";

/** Architecture of the released model. */
export const FULL_SIZE: MedrpgConfig = {
  side: 640,
  tokens: 20,
  trunk: RESNET50,
  bert: {
    ...{ vocabulary: 30522, hidden: 768, layers: 12, heads: 12, mlp: 3072 },
    ...{ positions: 512, types: 2, epsilon: 1e-12 },
  },
  visual: { width: 256, heads: 8, mlp: 2048, layers: 6 },
  fusion: { width: 256, heads: 8, mlp: 2048, layers: 6 },
};

/** Ids of BERT's special tokens in bert-base-uncased. */
const SPECIAL: Readonly<Record<number, string>> = {
  0: "[PAD]",
  100: "[UNK]",
  101: "[CLS]",
  102: "[SEP]",
  103: "[MASK]",
};

/** Lowest and highest value of a tensor. */
function rangeOf(name: string, shape: readonly number[]): readonly [low: number, high: number] {
  if (name.endsWith("running_var")) return [0.5, 1.5];
  if (shape.length === 1) return name.endsWith(".weight") ? [0.6, 1.1] : [-0.2, 0.2];
  if (/^vl_pos_embed|^reg_token|bert\.embeddings/.test(name)) return [-1, 1];
  const isTrunk = name.startsWith("visumodel.backbone");
  const gain = isTrunk
    ? name.endsWith(".conv3.weight") ? 1 : Math.sqrt(2)
    : /in_proj|query|key/.test(name)
    ? 1.5
    : name.startsWith("bbox_embed")
    ? 1.6
    : 1;
  const bound = gain * Math.sqrt(3 / (elementCount(shape) / shape[0]!));
  return [-bound, bound];
}

/** Makes a tensor: FNV-1a of the name, and murmur3's last mix of each index. */
export function makeTensor(name: string, shape: readonly number[]): Float32Array {
  const [low, high] = name.endsWith("running_mean") ? [-0.2, 0.2] : rangeOf(name, shape);
  let hash = 2166136261;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619);
  const values = new Float32Array(elementCount(shape));
  for (let i = 0; i < values.length; i++) {
    let x = hash + Math.imul(i, 0x9E3779B9) | 0;
    x = Math.imul(x ^ x >>> 16, 0x85EBCA6B);
    x = Math.imul(x ^ x >>> 13, 0xC2B2AE35);
    x ^= x >>> 16;
    values[i] = low + (high - low) * ((x >>> 0) / 2 ** 32);
  }
  return values;
}

/** Shapes of the checkpoint's tensors. */
export function fullShapes(): Map<string, readonly number[]> {
  return checkpointShapes([buildImageGraph(FULL_SIZE), buildPhraseGraph(FULL_SIZE)]);
}

/** Writes the checkpoint, and a vocabulary with the word `wN` for each id N. */
export async function writeFullSize(folder: string): Promise<void> {
  await writeSafetensors(
    `${folder}/MedMPG_MS_CXR.safetensors`,
    [...fullShapes()].map(([name, shape]) => ({
      name,
      shape,
      data: () => makeTensor(name, shape),
    })),
  );
  const words = Array.from(
    { length: FULL_SIZE.bert.vocabulary },
    (_, id) => SPECIAL[id] ?? `w${id}`,
  );
  await Deno.writeTextFile(`${folder}/vocab.txt`, words.join("\n"));
}
