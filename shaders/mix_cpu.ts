/**
 * Computes a x + b y, value by value.
 *
 * @param factors The factors a and b.
 * @param x First operand.
 * @param y Second operand, of the same length.
 * @throws {RangeError} If the lengths differ.
 */
export function mixValues(
  [a, b]: readonly [a: number, b: number],
  x: Float32Array,
  y: Float32Array,
): Float32Array {
  if (x.length !== y.length) {
    throw new RangeError(`Cannot mix ${x.length} values with ${y.length}: expected as many`);
  }
  return x.map((value, i) => a * value + b * y[i]!);
}
