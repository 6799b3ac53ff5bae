/**
 * Random weights for an architecture: for tests, and for benchmarks at full size.
 *
 * @module
 */

import { Random } from "../../base/random.ts";
import type { TensorToWrite } from "../../models/checkpoint/mod.ts";
import { elementCount, type Graph } from "../../models/onnx/graph.ts";

/**
 * Factor on query and key weights beyond the usual 1/sqrt(inputs). With factor 1, untrained
 * attention is almost uniform, and its maps show nothing.
 */
const ATTENTION_GAIN = 4;

/**
 * Makes seeded random weights for every tensor of a graph.
 *
 * Norms are neutral and biases are zero. Embeddings are uniform with variance 1. Other weights
 * are uniform with variance 1/inputs, which keeps activations near 1.
 *
 * @param graph The graph that needs the weights.
 * @param seed Seed of the random numbers; equal seeds give equal weights.
 * @param attentionGain Factor on query and key weights. Each attention multiplies float noise by
 * about this factor.
 */
export function seededWeights(
  graph: Graph,
  seed: number,
  attentionGain = ATTENTION_GAIN,
): TensorToWrite[] {
  return [...graph.weights, ...graph.unused].map(([name, shape], index) => ({
    name,
    shape,
    data: () => {
      const values = new Float32Array(elementCount(shape));
      if (shape.length === 1) return name.endsWith(".weight") ? values.fill(1) : values;
      const random = new Random(seed + index);
      const inputs = elementCount(shape.slice(1));
      const gain = /\.(to_q|to_k|q_proj|k_proj)\./.test(name) ? attentionGain : 1;
      const isTable = /embeddings?\.weight$/.test(name);
      // A uniform number in -1..1 has variance 1/3.
      const scale = isTable ? Math.sqrt(3) : gain * Math.sqrt(3 / inputs);
      for (let i = 0; i < values.length; i++) values[i] = scale * (2 * random.uniform() - 1);
      return values;
    },
  }));
}
