/**
 * Says for each weight of a graph where its bytes are in a checkpoint.
 *
 * @module
 */

import { type Checkpoint, readTensor, type TensorEntry } from "../checkpoint/mod.ts";
import type { WeightSource } from "../onnx/encode.ts";
import type { Graph } from "../onnx/graph.ts";

const AS_THEY_ARE = ["float32", "float16", "bfloat16"] as const;

/**
 * Leaves what a runtime can read in the file, and converts the rest: tensors
 * in another type, or not laid out row by row.
 *
 * @param graph The graph whose weights are wanted.
 * @param checkpoint Where they are; every name must be there.
 * @param refer How the model is to refer to the bytes of a tensor in the file.
 */
export async function locateWeights(
  graph: Graph,
  checkpoint: Checkpoint,
  refer: (tensor: TensorEntry) => { location: string; offset: number; length: number },
): Promise<Map<string, WeightSource>> {
  const sources = new Map<string, WeightSource>();
  for (const name of graph.weights.keys()) {
    const tensor = checkpoint.tensors.get(name)!;
    const type = AS_THEY_ARE.find((type) => type === tensor.dtype);
    sources.set(
      name,
      type && !tensor.strides
        ? { kind: "file", type, ...refer(tensor) }
        : { kind: "inline", data: await readTensor(checkpoint, name) },
    );
  }
  return sources;
}
