/**
 * Says for each weight of a graph where its bytes are in a checkpoint.
 *
 * @module
 */

import { type Checkpoint, readTensor, type TensorEntry } from "../checkpoint/mod.ts";
import type { WeightSource } from "../onnx/encode.ts";
import type { Graph } from "../onnx/graph.ts";
import type { ExternalData } from "../runtime/runtime.ts";

/** A tensor that is left in its file, and whether it is to be loaded as float16. */
export type StoredTensor = TensorEntry & Pick<ExternalData, "asFloat16">;

/** What weights may be loaded as. */
export const WEIGHT_TYPES = ["float32", "float16"] as const;

/** One of {@linkcode WEIGHT_TYPES}. */
export type WeightType = typeof WEIGHT_TYPES[number];

const AS_THEY_ARE = ["float32", "float16", "bfloat16"] as const;

/**
 * Leaves what a runtime can read in the file, and converts the rest: tensors
 * in another type, or not laid out row by row.
 *
 * @param graph The graph whose weights are wanted.
 * @param checkpoint Where they are; every name must be there.
 * @param type What is stored as float32 is to be loaded as; the graph widens it again.
 * @param refer How the model is to refer to the bytes of a tensor in the file.
 */
export async function locateWeights(
  graph: Graph,
  checkpoint: Checkpoint,
  type: WeightType,
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
    sources.set(name, {
      kind: "file",
      type: asFloat16 ? "float16" : stored,
      ...refer({ ...tensor, asFloat16 }),
    });
  }
  return sources;
}
