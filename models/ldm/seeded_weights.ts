/**
 * Random weights for an architecture: for tests, and for benchmarks at full size.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import type { TensorToWrite } from "../checkpoint/mod.ts";
import { elementCount, type Graph } from "../onnx/graph.ts";

/**
 * Factor on query and key weights beyond the usual 1/sqrt(inputs). At 1 an
 * untrained attention is all but uniform, and its maps show nothing.
 */
const ATTENTION_GAIN = 4;

/**
 * Seeded random weights for every tensor of a graph: norms are neutral, biases
 * zero, all others uniform with the variance 1/inputs that keeps activations
 * near 1.
 *
 * @param graph The graph whose weights are wanted.
 * @param seed Same seed, same weights.
 */
export function seededWeights(graph: Graph, seed: number): TensorToWrite[] {
  return [...graph.weights, ...graph.unused].map(([name, shape], index) => ({
    name,
    shape,
    data: () => {
      const values = new Float32Array(elementCount(shape));
      if (shape.length === 1) return name.endsWith(".weight") ? values.fill(1) : values;
      const random = new Random(seed + index);
      const inputs = elementCount(shape.slice(1));
      const gain = /\.(to_q|to_k|q_proj|k_proj)\./.test(name) ? ATTENTION_GAIN : 1;
      const isTable = name.includes("embedding");
      // A uniform number in -1..1 has variance 1/3.
      const scale = isTable ? Math.sqrt(3) : gain * Math.sqrt(3 / inputs);
      for (let i = 0; i < values.length; i++) values[i] = scale * (2 * random.uniform() - 1);
      return values;
    },
  }));
}
