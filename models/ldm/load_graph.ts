import type { Checkpoint } from "../checkpoint/mod.ts";
import { encodeModel } from "../onnx/encode.ts";
import type { Graph } from "../onnx/graph.ts";
import { halveProducts } from "../onnx/halve_products.ts";
import {
  type ExternalData,
  loadedLength,
  type LoadOptions,
  type Runtime,
  type Session,
} from "../runtime/runtime.ts";
import { locateWeights, type WeightType } from "./weights.ts";

/**
 * Loads one graph, whose weights the runtime reads from the checkpoint.
 *
 * @param weights Type that float32 weights are loaded as.
 * @throws {Error} If the runtime cannot load the graph; the message names the checkpoint.
 */
export async function loadGraph(
  graph: Graph,
  checkpoint: Checkpoint,
  runtime: Runtime,
  weights: WeightType,
  options: Pick<LoadOptions, "freesMemory"> = {},
): Promise<Session> {
  const { path } = checkpoint;
  const external: ExternalData[] = [];
  const widens = runtime.gpu !== undefined;
  // For products in float16 the graph itself rounds the weights, once, as it loads.
  const isHalved = weights === "float16" && runtime.float16 === "multiplied";
  const type = isHalved ? "float32" : weights;
  const sources = await locateWeights(graph, checkpoint, type, widens, (tensor) => {
    const { offset, byteLength, asFloat16, asFloat32 } = tensor;
    const data = {
      path: tensor.path ?? path,
      offset,
      length: byteLength,
      ...(asFloat16 && { asFloat16 }),
      ...(asFloat32 && { asFloat32 }),
    };
    external.push(data);
    return { ...runtime.refer(data), length: loadedLength(data) };
  });
  try {
    const keepFloat16 = type === "float16";
    const loaded = isHalved ? halveProducts(graph) : graph;
    return await runtime.load(encodeModel(loaded, sources), external, { ...options, keepFloat16 });
  } catch (error) {
    throw new Error(
      `Cannot load "${path}" into ${runtime.version}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** A graph, and the checkpoint with its weights. */
export interface LoadableGraph {
  readonly graph: Graph;
  readonly checkpoint: Checkpoint;
}

/**
 * Loads graphs in their order. If one fails, the memory of those before it is freed.
 *
 * @param weights Type that float32 weights are loaded as.
 * @returns A session for each graph.
 * @throws {Error} If the runtime cannot load a graph; the message names the checkpoint.
 */
export async function loadGraphs<Graphs extends readonly LoadableGraph[]>(
  graphs: readonly [...Graphs],
  runtime: Runtime,
  weights: WeightType,
): Promise<{ [I in keyof Graphs]: Session }> {
  const sessions: Session[] = [];
  try {
    for (const { graph, checkpoint } of graphs) {
      sessions.push(await loadGraph(graph, checkpoint, runtime, weights));
    }
  } catch (error) {
    for (const session of sessions) await session.release();
    throw error;
  }
  return sessions as { [I in keyof Graphs]: Session };
}
