/** Rounds to the nearest integer, and halves to the even one, as Python's `round` does. */
export function halfToEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + Math.abs(below % 2) : Math.round(value);
}
