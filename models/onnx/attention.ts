/**
 * Multi-head attention over tokens, which the U-Net, the autoencoder and the text encoders share.
 *
 * @module
 */

import type { GraphBuilder, Value } from "./graph.ts";
import {
  add,
  concat,
  linear,
  matmul,
  reshape,
  scale,
  sizeOf,
  slice,
  softmax,
  transpose,
} from "./ops.ts";

/** Options of {@linkcode attend}. */
export interface AttendOptions {
  /** Number of heads that the channels are cut into. */
  heads: number;
  /**
   * Values to add to the scores before the softmax, broadcast to
   * `[batch, heads, positions, tokens]`.
   *
   * @default {undefined}
   */
  mask?: Value;
}

/** [batch, tokens, channels] -> [batch, heads, tokens, channels / heads] */
function splitHeads(g: GraphBuilder, x: Value, heads: number): Value {
  const [batch, tokens, channels] = [x.dims[0]!, x.dims[1]!, sizeOf(x, 2)];
  if (channels % heads !== 0) {
    throw new RangeError(`Cannot cut ${channels} channels of "${x.name}" into ${heads} heads`);
  }
  return transpose(g, reshape(g, x, [batch, tokens, heads, channels / heads]), [0, 2, 1, 3]);
}

/**
 * Computes softmax(q kᵀ / sqrt(d) + mask) v, with d channels per head.
 *
 * @param query `[batch, positions, channels]`.
 * @param key `[batch, tokens, channels]`.
 * @param value `[batch, tokens, channels]`.
 * @returns `output`: `[batch, positions, channels]`; `weights`: the softmax,
 * `[batch, heads, positions, tokens]`.
 */
export function attend(
  g: GraphBuilder,
  query: Value,
  key: Value,
  value: Value,
  { heads, mask }: AttendOptions,
): { output: Value; weights: Value } {
  const q = splitHeads(g, query, heads); // [batch, heads, positions, d]
  const k = splitHeads(g, key, heads); // [batch, heads, tokens, d]
  const v = splitHeads(g, value, heads); // [batch, heads, tokens, d]
  const scores = scale(g, matmul(g, q, transpose(g, k, [0, 1, 3, 2])), 1 / Math.sqrt(sizeOf(q, 3)));
  const weights = softmax(g, mask ? add(g, scores, mask) : scores);
  const joined = transpose(g, matmul(g, weights, v), [0, 2, 1, 3]); // [batch, positions, heads, d]
  return { output: reshape(g, joined, query.dims), weights };
}

/**
 * Self-attention with linear layers for queries, keys, values and the output.
 *
 * @param x `[batch, tokens, channels]`.
 * @param name Name prefix of the layers' weights.
 * @param parts Names of the four layers, in this order.
 * @param placed Source of queries and keys, if their positions are added to `x`.
 * @returns `[batch, tokens, channels]`.
 */
export function selfAttention(
  g: GraphBuilder,
  x: Value,
  name: string,
  parts: readonly [query: string, key: string, value: string, output: string],
  options: AttendOptions,
  placed = x,
): Value {
  const channels = sizeOf(x, 2);
  const [q, k, v] = [placed, placed, x].map((source, i) =>
    linear(g, source, `${name}.${parts[i]}`, channels)
  );
  return linear(g, attend(g, q!, k!, v!, options).output, `${name}.${parts[3]}`, channels);
}

/**
 * Most bytes of the scores of one item of a batch that are computed at once. The published models
 * of MONAI, and Stable Diffusion's autoencoder at 512 pixels, have no more.
 */
const WHOLE_BYTES = 2 ** 26;

/**
 * Most bytes of one part's scores for one item of a batch. A batch of 8 then stays within 128 MiB,
 * the binding that every WebGPU device has.
 */
const PART_BYTES = 2 ** 24;

/** Options of {@linkcode attendInParts}. */
export interface PartOptions extends Pick<AttendOptions, "heads"> {
  /**
   * Most bytes of scores that are computed at once.
   *
   * @default {64 MiB}
   */
  wholeBytes?: number;
  /**
   * Most bytes of a part's scores, where all scores would take more.
   *
   * @default {16 MiB}
   */
  partBytes?: number;
}

/**
 * Computes the output of {@linkcode attend} without the softmax as a result. Where all scores
 * together would take too much memory, they are computed for some positions after others.
 *
 * @param query `[batch, positions, channels]`.
 * @param key `[batch, tokens, channels]`.
 * @param value `[batch, tokens, channels]`.
 * @returns `[batch, positions, channels]`.
 */
export function attendInParts(
  g: GraphBuilder,
  query: Value,
  key: Value,
  value: Value,
  { heads, wholeBytes = WHOLE_BYTES, partBytes = PART_BYTES }: PartOptions,
): Value {
  const [positions, tokens] = [sizeOf(query, 1), sizeOf(key, 1)];
  const rowBytes = 4 * heads * tokens;
  if (rowBytes * positions <= wholeBytes) return attend(g, query, key, value, { heads }).output;
  const [q, k, v] = [query, key, value].map((x) => splitHeads(g, x, heads));
  const scaled = scale(g, transpose(g, k!, [0, 1, 3, 2]), 1 / Math.sqrt(sizeOf(q!, 3)));
  const rows = Math.max(Math.floor(partBytes / rowBytes), 1);
  const parts: Value[] = [];
  for (let start = 0; start < positions; start += rows) {
    const part = slice(g, q!, 2, start, Math.min(start + rows, positions));
    parts.push(matmul(g, softmax(g, matmul(g, part, scaled)), v!));
  }
  return reshape(g, transpose(g, concat(g, parts, 2), [0, 2, 1, 3]), query.dims);
}
