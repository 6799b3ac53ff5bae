/**
 * Names of the weights in a checkpoint, and their bytes.
 *
 * @module
 */

import { type Checkpoint, readTensor, type Renaming, type TensorEntry } from "../checkpoint/mod.ts";
import type { WeightSource } from "../onnx/encode.ts";
import type { Graph } from "../onnx/graph.ts";
import type { ExternalData } from "../runtime/runtime.ts";

/**
 * Parts of the U-Net's names that differ between layouts: MONAI Generative's, which the graphs use;
 * MONAI's since version 1.4; and MONAI's with `use_combined_linear`. Cross-attention is never
 * combined.
 */
export const UNET_NAMES: readonly Renaming[] = [
  ["attn1.to_q", "attn1.to_q", "attn1.qkv"],
  ["attn1.to_k", "attn1.to_k", "attn1.qkv"],
  ["attn1.to_v", "attn1.to_v", "attn1.qkv"],
  ["to_out.0", "out_proj", "out_proj"],
  ["upsampler.conv", "upsampler.postconv", "upsampler.postconv"],
];

/** Parts of the encoder's names that differ between the same layouts. */
export const AUTOENCODER_NAMES: readonly Renaming[] = [
  ["to_q", "attn.to_q", "attn.qkv"],
  ["to_k", "attn.to_k", "attn.qkv"],
  ["to_v", "attn.to_v", "attn.qkv"],
  ["proj_attn", "attn.out_proj", "attn.out_proj"],
];

/** Parts of the names of diffusers' encoder before and since its version 0.18, the latter first. */
export const DIFFUSERS_AUTOENCODER_NAMES: readonly Renaming[] = [
  ["to_q", "query"],
  ["to_k", "key"],
  ["to_v", "value"],
  ["to_out.0", "proj_attn"],
];

/** Index of MONAI Generative's layout in {@linkcode UNET_NAMES} and {@linkcode AUTOENCODER_NAMES}. */
export const GENERATIVE = 0;

/** A tensor that stays in its file, and the type to load it as. */
export type StoredTensor = TensorEntry & Pick<ExternalData, "asFloat16" | "asFloat32">;

/** Types that float32 weights may be loaded as. */
export const WEIGHT_TYPES = ["float32", "float16"] as const;

/** One of {@linkcode WEIGHT_TYPES}. */
export type WeightType = typeof WEIGHT_TYPES[number];

const AS_THEY_ARE = ["float32", "float16", "bfloat16"] as const;

/**
 * Finds the source of each weight of a graph. A tensor that a runtime can read stays in its file.
 * Tensors of other types, or not in row-major order, are read and converted to float32.
 *
 * @param graph The graph that needs the weights.
 * @param checkpoint Checkpoint with every weight of the graph, under the graph's names.
 * @param type Type that float32 tensors are loaded as; the graph widens float16 again.
 * @param widens Whether bfloat16 tensors are loaded as float32; WebGPU has no operator for them.
 * @param refer Makes the model's reference to the bytes of a tensor in its file.
 */
export async function locateWeights(
  graph: Graph,
  checkpoint: Checkpoint,
  type: WeightType,
  widens: boolean,
  refer: (tensor: StoredTensor) => { location: string; offset: number; length: number },
): Promise<Map<string, WeightSource>> {
  const sources = new Map<string, WeightSource>();
  for (const name of graph.weights.keys()) {
    const tensor = checkpoint.tensors.get(name)!;
    const stored = AS_THEY_ARE.find((type) => type === tensor.dtype);
    if (!stored || tensor.strides) {
      sources.set(name, { kind: "inline", data: await readTensor(checkpoint, name) });
      continue;
    }
    const asFloat16 = type === "float16" && stored === "float32";
    const asFloat32 = widens && stored === "bfloat16";
    sources.set(name, {
      kind: "file",
      type: asFloat16 ? "float16" : asFloat32 ? "float32" : stored,
      ...refer({ ...tensor, asFloat16, asFloat32 }),
    });
  }
  return sources;
}
