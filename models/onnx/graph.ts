/**
 * A typed builder of ONNX graphs that knows every shape while it builds.
 *
 * @module
 */

/** Size of an axis: a known number, or a name for a size that the caller chooses at run time. */
export type Dim = number | string;

/** Element types that the graphs of this project use. */
export type ElementType = "float32" | "float16" | "bfloat16" | "int64";

/** A tensor in a graph: its name, element type and shape. */
export interface Value {
  /** Name, unique in the graph. */
  readonly name: string;
  readonly type: ElementType;
  /** Size of each axis; `[]` is a scalar. */
  readonly dims: readonly Dim[];
}

/** An attribute of an operator: integer, float, text or list of integers. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] };

/** One operator of a graph. */
export interface Node {
  /** ONNX operator, such as `Conv`. */
  readonly op: string;
  /** Names of the inputs; `""` leaves out an optional input. */
  readonly inputs: readonly string[];
  /** Names of the outputs. */
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A small tensor with its values, which the graph itself holds. */
export interface Constant extends Value {
  /** Row-major elements. */
  readonly data: Float32Array | BigInt64Array;
}

/** A finished graph, without the bytes of its weights. */
export interface Graph {
  /** Name of the graph, such as `unet`. */
  readonly name: string;
  /** Tensors that the caller feeds. */
  readonly inputs: readonly Value[];
  /** Tensors that the caller may fetch. */
  readonly outputs: readonly Value[];
  /** Shapes of the tensors that the graph reads from the checkpoint, by their names there. */
  readonly weights: ReadonlyMap<string, readonly number[]>;
  /** Shapes of the tensors that the checkpoint holds and the graph does not read, by name. */
  readonly unused: ReadonlyMap<string, readonly number[]>;
  /** Small tensors with their values. */
  readonly constants: readonly Constant[];
  /** Every tensor that an operator yields. */
  readonly values: readonly Value[];
  /** Operators in an order that they can run in. */
  readonly nodes: readonly Node[];
}

/** Shapes of the tensors that a graph's checkpoint must hold, by name. */
export function tensorsOf({ weights, unused }: Graph): Map<string, readonly number[]> {
  return new Map([...weights, ...unused]);
}

/** Number of elements in a shape of known sizes. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1);
}

/**
 * Collects operators into a {@linkcode Graph}. Weights have the same names as in the checkpoint,
 * so that loading is one strict match.
 *
 * @example Usage
 * ```ts
 * import { GraphBuilder } from "./graph.ts";
 *
 * const g = new GraphBuilder("double");
 * const x = g.input("x", "float32", ["batch", 3]);
 * const two = g.floats([2], []);
 * g.output(g.op("Mul", [x, two], x.dims), "y");
 * console.log(g.build().nodes.length); // 2: Mul, and Identity for the output's name
 * ```
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #weights = new Map<string, readonly number[]>();
  readonly #unused = new Map<string, readonly number[]>();
  readonly #constants: Constant[] = [];
  readonly #constantByKey = new Map<string, Constant>();
  readonly #values: Value[] = [];
  readonly #nodes: Node[] = [];

  /** @param name Name of the graph. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Declares a tensor that the caller feeds. */
  input(name: string, type: ElementType, dims: readonly Dim[]): Value {
    const value = { name, type, dims };
    this.#inputs.push(value);
    return value;
  }

  /** Declares a result, and the name under which the caller fetches it. */
  output(value: Value, name: string): Value {
    const output = { ...value, name };
    this.#nodes.push({ op: "Identity", inputs: [value.name], outputs: [name], attributes: {} });
    this.#outputs.push(output);
    return output;
  }

  /**
   * Declares a float tensor of the checkpoint.
   *
   * @throws {RangeError} If the tensor was declared before with another shape.
   */
  weight(name: string, dims: readonly number[]): Value {
    const known = this.#weights.get(name);
    if (known && known.join() !== dims.join()) {
      throw new RangeError(
        `Cannot declare weight "${name}" as [${dims}]: it was declared as [${known}]`,
      );
    }
    this.#weights.set(name, dims);
    return { name, type: "float32", dims };
  }

  /** Declares a tensor that the checkpoint holds and the graph does not read. */
  unused(name: string, dims: readonly number[]): void {
    this.#unused.set(name, dims);
  }

  /** Adds a float constant; equal constants of at most 16 values are stored once. */
  floats(values: ArrayLike<number>, dims: readonly number[]): Value {
    return this.#constant("float32", Float32Array.from(values), dims);
  }

  /** Adds an integer constant, by default a vector. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#constant("int64", BigInt64Array.from(values, BigInt), dims);
  }

  #constant(
    type: "float32" | "int64",
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ): Value {
    if (data.length !== elementCount(dims)) {
      throw new RangeError(`Cannot make a constant of shape [${dims}] from ${data.length} values`);
    }
    const key = data.length <= 16 ? `${type}:${dims}:${data}` : "";
    const known = key && this.#constantByKey.get(key);
    if (known) return known;
    const constant = { name: `constant_${this.#constants.length}`, type, dims, data };
    this.#constants.push(constant);
    if (key) this.#constantByKey.set(key, constant);
    return constant;
  }

  /**
   * Appends an operator.
   *
   * @param op ONNX operator.
   * @param inputs Inputs of the operator; `null` leaves out an optional input.
   * @param outputs Type and shape of each output.
   * @param attributes Attributes by name.
   */
  node(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Pick<Value, "type" | "dims">[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value[] {
    const stem = `${op}_${this.#nodes.length}`;
    const values = outputs.map((output, i) => ({
      name: outputs.length === 1 ? stem : `${stem}_${i}`,
      type: output.type,
      dims: output.dims,
    }));
    this.#values.push(...values);
    this.#nodes.push({
      op,
      inputs: inputs.map((value) => value?.name ?? ""),
      outputs: values.map((value) => value.name),
      attributes,
    });
    return values;
  }

  /**
   * Appends an operator with a single output, of the same type as its first input.
   *
   * @param dims Shape of the output.
   */
  op(
    op: string,
    inputs: readonly (Value | null)[],
    dims: readonly Dim[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Value {
    return this.node(op, inputs, [{ type: inputs[0]!.type, dims }], attributes)[0]!;
  }

  /** Builds the graph of all operators that the outputs need; other weights become `unused`. */
  build(): Graph {
    const needed = new Set(this.#outputs.map((output) => output.name));
    const nodes: Node[] = [];
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i]!;
      if (!node.outputs.some((name) => needed.has(name))) continue;
      for (const name of node.inputs) needed.add(name);
      nodes.push(node);
    }
    nodes.reverse();
    const unused = new Map(this.#unused);
    const weights = new Map<string, readonly number[]>();
    for (const [name, dims] of this.#weights) (needed.has(name) ? weights : unused).set(name, dims);
    return {
      name: this.#name,
      inputs: this.#inputs.filter((input) => needed.has(input.name)),
      outputs: [...this.#outputs],
      weights,
      unused,
      constants: this.#constants.filter((constant) => needed.has(constant.name)),
      values: this.#values.filter((value) => needed.has(value.name)),
      nodes,
    };
  }
}
