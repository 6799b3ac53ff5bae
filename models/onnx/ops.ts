/**
 * Operators of a graph as functions that check and infer shapes. A network's code reads like the
 * paper: `conv(g, silu(g, groupNorm(g, x, …)), …)`. ONNX opset 20 defines the semantics.
 *
 * @module
 */

import { type Dim, elementCount, type GraphBuilder, type Value } from "./graph.ts";

/** Returns the size of an axis, which must be known while the graph is built. */
export function sizeOf(value: Value, axis: number): number {
  const size = value.dims.at(axis);
  if (typeof size !== "number") {
    throw new TypeError(`Axis ${axis} of "${value.name}" must have a known size, got ${size}`);
  }
  return size;
}

/** Shape of two broadcast operands: axes are aligned at the end, size 1 stretches. */
function broadcast(op: string, a: Value, b: Value): Dim[] {
  const rank = Math.max(a.dims.length, b.dims.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a.dims[i - rank + a.dims.length] ?? 1;
    const right = b.dims[i - rank + b.dims.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new RangeError(
      `Cannot ${op} "${a.name}" [${a.dims}] and "${b.name}" [${b.dims}]: shapes do not broadcast`,
    );
  });
}

function elementwise(g: GraphBuilder, op: string, a: Value, b: Value): Value {
  return g.op(op, [a, b], broadcast(op, a, b));
}

function unary(g: GraphBuilder, op: string, x: Value): Value {
  return g.op(op, [x], x.dims);
}

/** a + b, broadcast. */
export function add(g: GraphBuilder, a: Value, b: Value): Value {
  return elementwise(g, "Add", a, b);
}

/** a - b, broadcast. */
function sub(g: GraphBuilder, a: Value, b: Value): Value {
  return elementwise(g, "Sub", a, b);
}

/** a * b, broadcast. */
export function mul(g: GraphBuilder, a: Value, b: Value): Value {
  return elementwise(g, "Mul", a, b);
}

/** The smaller of a and b, broadcast. */
export function min(g: GraphBuilder, a: Value, b: Value): Value {
  return elementwise(g, "Min", a, b);
}

/** x times a number. */
export function scale(g: GraphBuilder, x: Value, factor: number): Value {
  return mul(g, x, g.floats([factor], []));
}

/** Cosine in radians. */
export function cos(g: GraphBuilder, x: Value): Value {
  return unary(g, "Cos", x);
}

/** Sine in radians. */
export function sin(g: GraphBuilder, x: Value): Value {
  return unary(g, "Sin", x);
}

/** The positive part of x. */
export function relu(g: GraphBuilder, x: Value): Value {
  return unary(g, "Relu", x);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid(g: GraphBuilder, x: Value): Value {
  return unary(g, "Sigmoid", x);
}

/** x * sigmoid(x). */
export function silu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, sigmoid(g, x));
}

/** The exact Gaussian error linear unit, x * Φ(x). */
export function gelu(g: GraphBuilder, x: Value): Value {
  return unary(g, "Gelu", x);
}

/** CLIP's approximation of GELU, x * sigmoid(1.702 x). */
export function quickGelu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, unary(g, "Sigmoid", scale(g, x, 1.702)));
}

/** Softmax over the last axis. */
export function softmax(g: GraphBuilder, x: Value): Value {
  return g.op("Softmax", [x], x.dims, { axis: { int: -1 } });
}

/** Matrix product over the last two axes, broadcast over the others. */
export function matmul(g: GraphBuilder, a: Value, b: Value): Value {
  const [inner, rows] = [b.dims.at(-2), a.dims.at(-1)];
  if (inner !== rows) {
    throw new RangeError(`Cannot multiply "${a.name}" [${a.dims}] by "${b.name}" [${b.dims}]`);
  }
  const dims = [...a.dims.slice(0, -1), b.dims.at(-1)!];
  return g.op("MatMul", [a, b], dims);
}

/** Permutes axes: axis i of the result is axis `order[i]` of x. */
export function transpose(g: GraphBuilder, x: Value, order: readonly number[]): Value {
  const dims = order.map((axis) => x.dims[axis]!);
  return g.op("Transpose", [x], dims, { perm: { ints: order } });
}

/** Same elements in another shape; at most one axis may have a name instead of a known size. */
export function reshape(g: GraphBuilder, x: Value, dims: readonly Dim[]): Value {
  const sizes = dims.map((size) => typeof size === "number" ? size : -1);
  if (sizes.filter((size) => size === -1).length > 1) {
    throw new RangeError(`Cannot reshape "${x.name}" to [${dims}]: two axes are unknown`);
  }
  if ([...x.dims, ...dims].every((size) => typeof size === "number")) {
    const [from, to] = [elementCount(x.dims as number[]), elementCount(sizes)];
    if (from !== to) throw new RangeError(`Cannot reshape "${x.name}" [${x.dims}] to [${dims}]`);
  }
  return g.op("Reshape", [x, g.ints(sizes)], dims);
}

/**
 * Joins tensors along an axis.
 *
 * @param size Name of the joined axis, if a tensor's size along it is unknown.
 */
export function concat(
  g: GraphBuilder,
  values: readonly Value[],
  axis: number,
  size: Dim = values.reduce((total, value) => total + sizeOf(value, axis), 0),
): Value {
  return g.op("Concat", values, values[0]!.dims.with(axis, size), { axis: { int: axis } });
}

/** Repeats axes of size 1 to reach the given shape. */
export function expand(g: GraphBuilder, x: Value, dims: readonly number[]): Value {
  return g.op("Expand", [x, g.ints(dims)], dims);
}

/** Cuts out the indices from `start` up to `end`, without `end`, of an axis. */
export function slice(g: GraphBuilder, x: Value, axis: number, start: number, end: number): Value {
  const dims = x.dims.with(axis, end - start);
  const bounds = [[start], [end], [axis]].map((values) => g.ints(values));
  return g.op("Slice", [x, ...bounds], dims);
}

/** Cuts a tensor into equal halves along its last axis. */
export function halves(g: GraphBuilder, x: Value): [Value, Value] {
  const size = sizeOf(x, -1) / 2;
  if (!Number.isInteger(size)) throw new RangeError(`Cannot halve "${x.name}" [${x.dims}]`);
  const half = { type: x.type, dims: [...x.dims.slice(0, -1), size] };
  const [first, second] = g.node("Split", [x, g.ints([size, size])], [half, half], {
    axis: { int: x.dims.length - 1 },
  });
  return [first!, second!];
}

/** Mean over one axis, which disappears, or stays with size 1 if `keep` is true. */
export function mean(g: GraphBuilder, x: Value, axis: number, keep = false): Value {
  const dims = keep ? x.dims.with(axis, 1) : x.dims.filter((_, i) => i !== axis);
  return g.op("ReduceMean", [x, g.ints([axis])], dims, { keepdims: { int: Number(keep) } });
}

/** Parts of a table by their indices along an axis; the axes of the indices replace this axis. */
export function gather(g: GraphBuilder, table: Value, indices: Value, axis?: number): Value {
  const dims = table.dims.toSpliced(axis ?? 0, 1, ...indices.dims);
  return g.op("Gather", [table, indices], dims, axis === undefined ? {} : { axis: { int: axis } });
}

/** Selects one index of an axis; the axis disappears. */
export function pick(g: GraphBuilder, x: Value, axis: number, index: number): Value {
  return gather(g, x, g.ints([index], []), axis);
}

/** Divides by the Euclidean norm along an axis, or by 1e-12 if the norm is smaller. */
export function l2Normalize(g: GraphBuilder, x: Value, axis: number): Value {
  const dims = x.dims.with(axis, 1);
  const norm = g.op("ReduceL2", [x, g.ints([axis])], dims);
  return elementwise(g, "Div", x, g.op("Max", [norm, g.floats([1e-12], [])], dims));
}

/** Normalises over the last axis, then scales and shifts by `${name}.weight` and `${name}.bias`. */
export function layerNorm(g: GraphBuilder, x: Value, name: string, epsilon = 1e-5): Value {
  const parts = ["weight", "bias"].map((part) => g.weight(`${name}.${part}`, [sizeOf(x, -1)]));
  return g.op("LayerNormalization", [x, ...parts], x.dims, {
    axis: { int: -1 },
    epsilon: { float: epsilon },
  });
}

/**
 * Normalises each of `groups` groups of channels over space, then scales and
 * shifts each channel by `${name}.weight` and `${name}.bias`.
 *
 * @param x `[batch, channels, height, width]`, height and width known.
 */
export function groupNorm(
  g: GraphBuilder,
  x: Value,
  name: string,
  { groups, epsilon }: { groups: number; epsilon: number },
): Value {
  const channels = sizeOf(x, 1);
  if (channels % groups !== 0) {
    throw new RangeError(
      `Cannot normalise "${name}": ${channels} channels do not divide into ${groups} groups`,
    );
  }
  const size = channels / groups * sizeOf(x, 2) * sizeOf(x, 3);
  // InstanceNormalization would be a single operator, but ONNX Runtime sums a whole group one
  // element after another. Over 512x512 pixels this loses three digits. Taking means of rows
  // first, and then the mean of the means, loses no digit and takes no longer.
  const columns = greatestCommonDivisor(size, 1024);
  const rows = [x.dims[0]!, groups, size / columns, columns];
  const mean2 = (y: Value) => mean(g, mean(g, y, 3, true), 2, true); // [batch, groups, 1, 1]
  const grouped = reshape(g, x, rows);
  const center = mean2(grouped);
  const centered = sub(g, grouped, center);
  const variance = mean2(mul(g, centered, centered));
  const deviation = unary(g, "Sqrt", add(g, variance, g.floats([epsilon], [])));
  const weight = reshape(g, g.weight(`${name}.weight`, [channels]), [groups, channels / groups, 1]);
  const bias = reshape(g, g.weight(`${name}.bias`, [channels]), [groups, channels / groups, 1]);
  const factor = elementwise(g, "Div", weight, deviation); // [batch, groups, channels of a group, 1]
  const normal = reshape(g, centered, [
    x.dims[0]!,
    groups,
    channels / groups,
    sizeOf(x, 2) * sizeOf(x, 3),
  ]);
  return reshape(g, add(g, mul(g, normal, factor), bias), x.dims);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * A linear layer over the last axis. The weight `${name}.weight` is `[outputs, inputs]`, as in
 * PyTorch; `${name}.bias` is added if `bias` is true.
 *
 * All leading axes are folded into one row axis for Gemm. Gemm reads the transposed weight as it
 * lies in the file; MatMul would need a transposed copy of every weight.
 */
export function linear(
  g: GraphBuilder,
  x: Value,
  name: string,
  outputs: number,
  { bias = true }: { bias?: boolean } = {},
): Value {
  const inputs = sizeOf(x, -1);
  const weight = g.weight(`${name}.weight`, [outputs, inputs]);
  const shift = bias ? [g.weight(`${name}.bias`, [outputs])] : [];
  const rows = x.dims.length === 2 ? x : reshape(g, x, ["rows", inputs]);
  const product = g.op("Gemm", [rows, weight, ...shift], [rows.dims[0]!, outputs], {
    transB: { int: 1 },
  });
  return x.dims.length === 2 ? product : reshape(g, product, [...x.dims.slice(0, -1), outputs]);
}
