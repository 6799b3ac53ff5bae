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
    // Half the bytes to load; what is stored in half precision is left to the graph's cast.
    const asFloat16 = graph.float === "float16" && stored === "float32";
    const type = asFloat16 ? "float16" : stored;
    sources.set(name, { kind: "file", type, ...refer({ ...tensor, asFloat16 }) });
  }
  return sources;
}
