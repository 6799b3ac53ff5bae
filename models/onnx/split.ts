/**
 * Cuts a graph into two parts that can run separately without a second copy of the weights.
 *
 * @module
 */

import type { Graph, Node, Value } from "./graph.ts";

/** The two parts of a graph. */
export interface SplitGraph {
  /** The part that runs first. */
  readonly front: Graph;
  /** The part that runs after the front. */
  readonly back: Graph;
  /** Names of the tensors that the front hands to the back. */
  readonly between: readonly string[];
}

/**
 * Splits a graph after the last operator that `outputs` need.
 *
 * @param graph Graph to cut.
 * @param outputs Names of the outputs that the front computes without the back.
 */
export function splitGraph(graph: Graph, outputs: readonly string[]): SplitGraph {
  const needed = new Set(outputs);
  const front = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    front.add(node);
    for (const name of node.inputs) needed.add(name);
  }
  return cut(graph, front);
}

/**
 * Splits off the operators that depend on some inputs alone. They need not run again while these
 * inputs stay the same.
 *
 * @param graph Graph to cut.
 * @param inputs Names of the inputs.
 */
export function splitByInput(graph: Graph, ...inputs: readonly string[]): SplitGraph {
  const decided = new Set(inputs);
  const others = new Set(graph.inputs.map(({ name }) => name).filter((name) => !decided.has(name)));
  const outputs: string[] = [];
  for (const node of graph.nodes) {
    // An operator on weights alone is neither; it runs with the operators that need its result.
    const isOther = node.inputs.some((name) => others.has(name));
    if (!isOther && !node.inputs.some((name) => decided.has(name))) continue;
    for (const name of node.outputs) (isOther ? others : decided).add(name);
    if (!isOther) outputs.push(...node.outputs);
  }
  return splitGraph(graph, outputs);
}

/** Makes the parts of a graph from the set of operators that run first. */
function cut(graph: Graph, isFront: ReadonlySet<Node>): SplitGraph {
  const values = new Map<string, Value>(
    [...graph.inputs, ...graph.outputs, ...graph.values].map((value) => [value.name, value]),
  );
  const front = graph.nodes.filter((node) => isFront.has(node));
  const back = graph.nodes.filter((node) => !isFront.has(node));
  const made = new Set(front.flatMap((node) => node.outputs));
  const read = new Set(back.flatMap((node) => node.inputs));
  const between = [...made].filter((name) => read.has(name));

  const part = (nodes: readonly Node[], ends: readonly string[], inputs: readonly Value[]) => {
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
  const ends = graph.outputs.map((output) => output.name);
  return {
    front: part(front, [...ends.filter((name) => made.has(name)), ...between], graph.inputs),
    back: part(
      back,
      ends.filter((name) => !made.has(name)),
      [...graph.inputs, ...between.map((name) => values.get(name)!)],
    ),
    between,
  };
}
