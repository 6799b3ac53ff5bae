/**
 * Quantiles, and a radix sort of float32 values, which needs a fraction of the time of
 * `Float32Array.sort`.
 *
 * @module
 */

/** Bits of a digit, and number of digits in 32 bits. */
const [BITS, DIGITS] = [11, 3];

/** Highest value of a digit. */
const MASK = (1 << BITS) - 1;

/**
 * Order of float32 values, ascending; equal values keep their order.
 *
 * @param values Values without NaN. -0 comes before 0, as in `Float32Array.sort`.
 * @returns Places of the values, lowest value first.
 */
export function sortOrder(values: Float32Array): Uint32Array {
  const keys = keysOf(values);
  let order = new Uint32Array(keys.length);
  let other = new Uint32Array(keys.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = BITS * digit;
    const starts = startsOf(keys, shift);
    for (let i = 0; i < order.length; i++) {
      const place = order[i]!;
      other[starts[keys[place]! >>> shift & MASK]!++] = place;
    }
    [order, other] = [other, order];
  }
  return order;
}

/** Sorted copy of float32 values without NaN, as `Float32Array.sort` sorts. */
export function sortFloats(values: Float32Array): Float32Array<ArrayBuffer> {
  let keys = keysOf(values);
  let other = new Uint32Array(keys.length);
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = BITS * digit;
    const starts = startsOf(keys, shift);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      other[starts[key >>> shift & MASK]!++] = key;
    }
    [keys, other] = [other, keys];
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    keys[i] = key >>> 31 === 1 ? key & 0x7fffffff : ~key;
  }
  return new Float32Array(keys.buffer);
}

/** Whole numbers in the order of floats: bits of positive floats ascend, those of negative descend. */
function keysOf(values: Float32Array): Uint32Array<ArrayBuffer> {
  const keys = new Uint32Array(new Float32Array(values).buffer);
  for (let i = 0; i < keys.length; i++) {
    const bits = keys[i]!;
    keys[i] = bits >>> 31 === 1 ? ~bits : bits | 0x80000000;
  }
  return keys;
}

/** Place of the first key with each value of a digit. */
function startsOf(keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(MASK + 1);
  for (let i = 0; i < keys.length; i++) starts[keys[i]! >>> shift & MASK]!++;
  for (let i = 0, sum = 0; i < starts.length; i++) {
    const own = starts[i]!;
    starts[i] = sum;
    sum += own;
  }
  return starts;
}

/** Quantile of sorted numbers at a share of 0..1, linear between neighbours. */
export function quantile(sorted: Float32Array | Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
