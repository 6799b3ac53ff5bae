import type { Graph, Node } from "./graph.ts";

/** Operators that multiply values by weights and add up the products. */
const PRODUCTS = new Set(["Conv", "Gemm", "MatMul"]);

/** ONNX's `TensorProto.DataType` of the two types. */
const TYPES = { float32: 1, float16: 10 } as const;

/**
 * Rewrites the products of a graph that have a weight among their inputs: inputs are rounded to
 * float16, and the result is widened. The libraries for NVIDIA's GPUs add such products up in
 * float32. All else stays float32, such as norms and softmax. A runtime folds the rounding of the
 * weights as it loads the graph.
 *
 * @param graph A graph of float32 values.
 */
export function halveProducts(graph: Graph): Graph {
  const nodes: Node[] = [];
  const constants = new Set(graph.constants.map(({ name }) => name));
  const fromWeights = new Set(graph.weights.keys());
  const halves = new Map<string, string>();
  const cast = (from: string, to: string, type: keyof typeof TYPES) => {
    nodes.push({
      op: "Cast",
      inputs: [from],
      outputs: [to],
      attributes: { to: { int: TYPES[type] } },
    });
  };
  for (const node of graph.nodes) {
    const hasWeight = node.inputs.some((name) => fromWeights.has(name));
    if (!hasWeight || !PRODUCTS.has(node.op)) {
      nodes.push(node);
      // A weight may change its shape on the way to its product.
      if (hasWeight && node.inputs.every((name) => fromWeights.has(name) || constants.has(name))) {
        for (const name of node.outputs) fromWeights.add(name);
      }
      continue;
    }
    const inputs = node.inputs.map((name) => {
      if (name === "") return name;
      let half = halves.get(name);
      if (half === undefined) {
        half = `${name}.half`;
        halves.set(name, half);
        cast(name, half, "float16");
      }
      return half;
    });
    // The next product reads the unwidened result.
    const outputs = node.outputs.map((name) => `${name}.half`);
    nodes.push({ ...node, inputs, outputs });
    for (const name of node.outputs) {
      cast(`${name}.half`, name, "float32");
      halves.set(name, `${name}.half`);
    }
  }
  return { ...graph, nodes };
}
