/**
 * Loads a graph into a runtime with its weights left in the checkpoint.
 *
 * @module
 */

import type { Checkpoint } from "../checkpoint/mod.ts";
import { encodeModel } from "../onnx/encode.ts";
import type { Graph } from "../onnx/graph.ts";
import type { ExternalData, Runtime, Session } from "../runtime/runtime.ts";
import { locateWeights, type WeightType } from "./weights.ts";

/**
 * Loads one graph.
 *
 * @param weights What to load float32 weights as.
 * @throws {Error} If the runtime cannot, with the checkpoint's path.
 */
export async function loadGraph(
  graph: Graph,
  checkpoint: Checkpoint,
  runtime: Runtime,
  weights: WeightType,
): Promise<Session> {
  const { path } = checkpoint;
  const external: ExternalData[] = [];
  const sources = await locateWeights(graph, checkpoint, weights, (tensor) => {
    const { offset, byteLength, asFloat16 } = tensor;
    const data = {
      path: tensor.path ?? path,
      offset,
      length: byteLength,
      ...(asFloat16 && { asFloat16 }),
    };
    external.push(data);
    return { ...runtime.refer(data), length: asFloat16 ? byteLength / 2 : byteLength };
  });
  try {
    const keepFloat16 = weights === "float16";
    return await runtime.load(encodeModel(graph, sources), external, { keepFloat16 });
  } catch (error) {
    throw new Error(
      `Cannot load "${path}" into ${runtime.version}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
