/**
 * Arithmetic on the maps of Generate to Ground, in float16 as in its code.
 *
 * @module
 */

import { InputRangeError } from "../../base/errors.ts";
import { valueRange } from "../../shaders/aggregate_cpu.ts";
import { structuralSimilarity } from "./ssim.ts";

/** Side of the released code's maps. */
const SIDE = 64;

const half = Math.f16round;

/**
 * Side of the map that all layers are repeated to: 64 as in the released code, or the largest
 * layer's side if 64 is no multiple of every side.
 *
 * @param sides Sides of the layers' maps.
 * @throws {RangeError} If the largest side is no multiple of another.
 */
export function mapSide(sides: readonly number[]): number {
  const largest = Math.max(...sides);
  const side = sides.every((side) => SIDE % side === 0) ? SIDE : largest;
  const odd = sides.find((own) => side % own !== 0);
  if (odd === undefined) return side;
  throw new RangeError(
    `Cannot repeat maps of side ${odd} to side ${side}: expected a divisor of the largest side`,
  );
}

/** Repeats each value of a square map to a larger map. */
export function repeat(map: ArrayLike<number>, from: number, to: number): Float32Array {
  const factor = to / from;
  return Float32Array.from({ length: to * to }, (_, i) => {
    const [x, y] = [Math.floor(i % to / factor), Math.floor(i / to / factor)];
    return map[y * from + x]!;
  });
}

/**
 * Scales a map to 0..1 in float16. The released code rounds to float16 before it finds the range, so
 * that a flat map has few levels.
 *
 * @throws {InputRangeError} If the map is constant in float16, where the released code has NaN. Also if
 * a value is not finite.
 */
export function scaleHalf(map: Float32Array): Float32Array {
  const rounded = map.map(half);
  const { minimum, maximum } = valueRange(rounded);
  const range = half(maximum - minimum);
  if (range === 0) throw new InputRangeError("the attention is the same everywhere in float16");
  return rounded.map((value) => half(half(value - minimum) / range));
}

/** Scales a map to 0..255 by {@linkcode scaleHalf}, and cuts off the fractions. */
export function toLevels(map: Float32Array): Uint8Array {
  return Uint8Array.from(scaleHalf(map), (value) => half(value * 255));
}

/** Maps of bimodal bias merging; all are row-major squares of one side. */
export interface BiasMaps {
  /** Mean attention to the words on the noised image. */
  readonly mean: Float32Array;
  /** Mean attention to the start token on the noised image, as levels. */
  readonly image: Uint8Array;
  /** Mean attention to the words in an image made from the phrase, as levels. */
  readonly text: Uint8Array;
  /** Mean matrix product of the maps behind `image` and `text`, as levels. */
  readonly product: Uint8Array;
}

/** Result of {@linkcode mergeBiases}. */
export interface MergedMaps {
  /** The merged map, 0 to at most 1.25. */
  readonly map: Float32Array;
  /** Structural similarity of both biases, 0 if it is negative. */
  readonly similarity: number;
}

/**
 * Bimodal bias merging. The more similar the bias of the image and the bias of the text are, the
 * more the merged biases weigh against the attention.
 *
 * @throws {InputRangeError} If a map is constant.
 */
export function mergeBiases({ mean, image, text, product }: BiasMaps): MergedMaps {
  const side = Math.sqrt(mean.length);
  const s = Math.max(structuralSimilarity(image, text, side), 0);
  const merged = scaleHalf(Float32Array.from(product));
  const attention = scaleHalf(mean);
  const [both, alone, bias] = [2 * (1 - s) * s, (1 - s) ** 2, s ** 2].map(Math.fround) as [
    number,
    number,
    number,
  ];
  const map = attention.map((a, i) => {
    const m = merged[i]!;
    const mixed = half(half(half(m + a) + half(m * a)) / 2);
    return half(half(half(both * mixed) + half(alone * a)) + half(bias * m));
  });
  return { map, similarity: s };
}

/** Adds the matrix product of two square maps to a sum. */
export function addProduct(
  sum: Float64Array,
  left: Float32Array,
  right: Float32Array,
  side: number,
): void {
  for (let row = 0; row < side; row++) {
    for (let i = 0; i < side; i++) {
      const factor = left[row * side + i]!;
      for (let column = 0; column < side; column++) {
        sum[row * side + column]! += factor * right[i * side + column]!;
      }
    }
  }
}
