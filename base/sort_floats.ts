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

/** Key of 0. A heatmap beyond its threshold is 0 in most pixels, which need no sorting. */
const ZERO = 0x80000000;

/**
 * Order of float32 values, ascending; equal values keep their order.
 *
 * @param values Values without NaN. -0 comes before 0, as in `Float32Array.sort`.
 * @returns Places of the values, lowest value first.
 */
export function sortOrder(values: Float32Array): Uint32Array {
  const keys = keysOf(values);
  let order = new Uint32Array(keys.length);
  let [count, zeros, below] = [0, 0, 0];
  for (let i = 0; i < keys.length; i++) {
    if (keys[i] === ZERO) continue;
    order[count++] = i;
    if (keys[i]! < ZERO) below++;
  }
  order = order.subarray(0, count);
  let other = new Uint32Array(count);
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = BITS * digit;
    const starts = new Uint32Array(MASK + 1);
    for (let i = 0; i < count; i++) starts[keys[order[i]!]! >>> shift & MASK]!++;
    toStarts(starts);
    for (let i = 0; i < count; i++) {
      const place = order[i]!;
      other[starts[keys[place]! >>> shift & MASK]!++] = place;
    }
    [order, other] = [other, order];
  }
  const all = new Uint32Array(keys.length);
  all.set(order.subarray(0, below));
  for (let i = 0; i < keys.length; i++) if (keys[i] === ZERO) all[below + zeros++] = i;
  all.set(order.subarray(below), below + zeros);
  return all;
}

/** Sorted copy of float32 values without NaN, as `Float32Array.sort` sorts. */
export function sortFloats(values: Float32Array): Float32Array<ArrayBuffer> {
  const sorted = new Float32Array(values.length);
  let keys = keysOf(values);
  let count = 0;
  for (let i = 0; i < keys.length; i++) if (keys[i] !== ZERO) keys[count++] = keys[i]!;
  keys = keys.subarray(0, count);
  let other = new Uint32Array(count);
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = BITS * digit;
    const starts = new Uint32Array(MASK + 1);
    for (let i = 0; i < count; i++) starts[keys[i]! >>> shift & MASK]!++;
    toStarts(starts);
    for (let i = 0; i < count; i++) {
      const key = keys[i]!;
      const place = key >>> shift & MASK;
      other[starts[place]!] = key;
      starts[place]!++;
    }
    [keys, other] = [other, keys];
  }
  const bits = new Uint32Array(sorted.buffer);
  const zeros = values.length - count;
  for (let i = 0; i < count; i++) {
    const key = keys[i]!;
    if (key < ZERO) bits[i] = ~key;
    else bits[i + zeros] = key & 0x7fffffff;
  }
  return sorted;
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

/** Converts the numbers of keys with each value of a digit to the places of the first such keys. */
function toStarts(counts: Uint32Array): void {
  for (let i = 0, sum = 0; i < counts.length; i++) {
    const own = counts[i]!;
    counts[i] = sum;
    sum += own;
  }
}

/** Quantile of sorted numbers at a share of 0..1, linear between neighbours. */
export function quantile(sorted: Float32Array | Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
