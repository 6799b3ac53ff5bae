/** Bits of a digit, and number of digits in 32 bits. */
const [BITS, DIGITS] = [11, 3];

/**
 * Order of float32 values, ascending; equal values keep their order. A radix sort needs a tenth of
 * the time of `Float32Array.sort`, which compares values.
 *
 * @param values Values without NaN. -0 comes before 0, as in `Float32Array.sort`.
 * @returns Places of the values, lowest value first.
 */
export function sortOrder(values: Float32Array): Uint32Array {
  const count = values.length;
  const keys = new Uint32Array(values.slice().buffer);
  // Bits of positive floats ascend with them, bits of negative floats descend.
  for (let i = 0; i < count; i++) {
    const bits = keys[i]!;
    keys[i] = bits >>> 31 === 1 ? ~bits : bits | 0x80000000;
  }
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let other = new Uint32Array(count);
  const starts = new Uint32Array(1 << BITS);
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = BITS * digit;
    starts.fill(0);
    for (let i = 0; i < count; i++) starts[keys[i]! >>> shift & (1 << BITS) - 1]!++;
    for (let i = 0, sum = 0; i < starts.length; i++) {
      const own = starts[i]!;
      starts[i] = sum;
      sum += own;
    }
    for (let i = 0; i < count; i++) {
      const place = order[i]!;
      other[starts[keys[place]! >>> shift & (1 << BITS) - 1]!++] = place;
    }
    [order, other] = [other, order];
  }
  return order;
}

/** Sorted copy of float32 values without NaN, ascending; see {@linkcode sortOrder}. */
export function sortFloats(values: Float32Array): Float32Array<ArrayBuffer> {
  const sorted = new Float32Array(values.length);
  const order = sortOrder(values);
  for (let i = 0; i < order.length; i++) sorted[i] = values[order[i]!]!;
  return sorted;
}
