/**
 * Operators on images `[batch, channels, height, width]`, in the style of `ops.ts`.
 *
 * @module
 */

import type { GraphBuilder, Value } from "./graph.ts";
import { sizeOf } from "./ops.ts";

/** Options of {@linkcode conv}. */
export interface ConvOptions {
  /** Channels of the result. */
  channels: number;
  /**
   * Side of the kernel.
   *
   * @default {3}
   */
  kernel?: number;
  /**
   * Step between outputs.
   *
   * @default {1}
   */
  stride?: number;
  /**
   * Zeros around the image: top, left, bottom, right.
   *
   * @default {Half the kernel on each side}
   */
  pads?: readonly [number, number, number, number];
  /**
   * Whether the convolution has a bias.
   *
   * @default {true}
   */
  bias?: boolean;
}

/**
 * Convolution with weight `${name}.weight`, and with `${name}.bias` if it has a bias.
 *
 * @param x `[batch, channels, height, width]`.
 */
export function conv(g: GraphBuilder, x: Value, name: string, options: ConvOptions): Value {
  const { channels, kernel = 3, stride = 1 } = options;
  const side = Math.floor(kernel / 2);
  const pads = options.pads ?? [side, side, side, side];
  const inputs = sizeOf(x, 1);
  const weight = g.weight(`${name}.weight`, [channels, inputs, kernel, kernel]);
  const shift = options.bias === false ? [] : [g.weight(`${name}.bias`, [channels])];
  const [height, width] = [0, 1].map((axis) =>
    Math.floor((sizeOf(x, 2 + axis) + pads[axis]! + pads[axis + 2]! - kernel) / stride) + 1
  );
  const dims = [x.dims[0]!, channels, height!, width!];
  const missing = missingChannels(inputs);
  const operands = [x, weight].map((value) => missing > 0 ? padAxis1(g, value, missing) : value);
  return g.op("Conv", [...operands, ...shift], dims, {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads },
  });
}

/**
 * Number of zero channels to add to a convolution's input.
 *
 * onnxruntime-web 1.30 on WebGPU gives wrong results for 6, 9 or 15 channels: any multiple of 3 above
 * 3 that is no multiple of 4. It reads such channels in threes.
 */
function missingChannels(inputs: number): number {
  return inputs > 3 && inputs % 3 === 0 && inputs % 4 !== 0 ? 4 - inputs % 4 : 0;
}

/** Adds zeros at the end of a four-dimensional tensor's second axis. */
function padAxis1(g: GraphBuilder, x: Value, count: number): Value {
  const [first, , ...rest] = x.dims;
  const dims = [first!, sizeOf(x, 1) + count, ...rest];
  return g.op("Pad", [x, g.ints([0, 0, 0, 0, 0, count, 0, 0])], dims);
}

/**
 * Batch norm with the statistics of training. `${name}.running_mean` and `.running_var` normalise,
 * then `.weight` and `.bias` scale and shift. Runtimes fold the norm into a preceding convolution.
 *
 * @param x `[batch, channels, height, width]`.
 */
export function batchNorm(g: GraphBuilder, x: Value, name: string, epsilon = 1e-5): Value {
  const statistics = ["weight", "bias", "running_mean", "running_var"].map((part) =>
    g.weight(`${name}.${part}`, [sizeOf(x, 1)])
  );
  return g.op("BatchNormalization", [x, ...statistics], x.dims, { epsilon: { float: epsilon } });
}

/** Halves height and width, rounding up, by maxima of 3x3 blocks; values outside do not count. */
export function maxPool(g: GraphBuilder, x: Value): Value {
  const [height, width] = [2, 3].map((axis) => Math.floor((sizeOf(x, axis) - 1) / 2) + 1);
  return g.op("MaxPool", [x], [x.dims[0]!, x.dims[1]!, height!, width!], {
    kernel_shape: { ints: [3, 3] },
    strides: { ints: [2, 2] },
    pads: { ints: [1, 1, 1, 1] },
  });
}

/** Doubles height and width by repeating pixels. */
export function upsampleNearest(g: GraphBuilder, x: Value): Value {
  const dims = [x.dims[0]!, x.dims[1]!, sizeOf(x, 2) * 2, sizeOf(x, 3) * 2];
  return g.op("Resize", [x, null, g.floats([1, 1, 2, 2], [4])], dims, {
    mode: { text: "nearest" },
    coordinate_transformation_mode: { text: "asymmetric" },
    nearest_mode: { text: "floor" },
  });
}

/** Halves height and width by averaging 2x2 blocks; an odd last row or column is dropped. */
export function averagePool(g: GraphBuilder, x: Value): Value {
  const dims = [x.dims[0]!, x.dims[1]!, sizeOf(x, 2) >> 1, sizeOf(x, 3) >> 1];
  return g.op("AveragePool", [x], dims, {
    kernel_shape: { ints: [2, 2] },
    strides: { ints: [2, 2] },
  });
}
