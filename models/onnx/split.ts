/**
 * Cuts a graph in two, so that its first part can run alone without a second
 * copy of the weights.
 *
 * @module
 */

import type { Graph, Value } from "./graph.ts";

/** The two parts of a graph. */
export interface SplitGraph {
  /** What the chosen outputs need. */
  readonly front: Graph;
  /** What the other outputs need besides. */
  readonly back: Graph;
  /** Names of the tensors that the front hands to the back. */
  readonly between: readonly string[];
}

/**
 * Splits a graph after the last operator that `outputs` need.
 *
 * @param graph What to cut.
 * @param outputs Names of the outputs that the front yields by itself.
 */
export function splitGraph(graph: Graph, outputs: readonly string[]): SplitGraph {
  const values = new Map<string, Value>(
    [...graph.inputs, ...graph.outputs, ...graph.values].map((value) => [value.name, value]),
  );
  const needed = new Set(outputs);
  const isFront = new Set<Graph["nodes"][number]>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    isFront.add(node);
    for (const name of node.inputs) needed.add(name);
  }
  const front = graph.nodes.filter((node) => isFront.has(node));
  const back = graph.nodes.filter((node) => !isFront.has(node));
  const made = new Set(front.flatMap((node) => node.outputs));
  const read = new Set(back.flatMap((node) => node.inputs));
  const between = [...made].filter((name) => read.has(name));

  const part = (nodes: Graph["nodes"], ends: readonly string[], inputs: readonly Value[]) => {
    const uses = new Set(nodes.flatMap((node) => node.inputs));
    return {
      name: graph.name,
      inputs: inputs.filter((input) => uses.has(input.name)),
      outputs: ends.map((name) => values.get(name)!),
      weights: new Map([...graph.weights].filter(([name]) => uses.has(name))),
      unused: new Map(),
      constants: graph.constants.filter((constant) => uses.has(constant.name)),
      values: graph.values,
      nodes,
    };
  };
  const rest = graph.outputs.map((output) => output.name).filter((name) => !made.has(name));
  return {
    front: part(front, [...outputs, ...between], graph.inputs),
    back: part(back, rest, [...graph.inputs, ...between.map((name) => values.get(name)!)]),
    between,
  };
}
