/** Quantile of sorted numbers at a share of 0..1, linear between neighbours. */
export function quantile(sorted: Float32Array | Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (at - Math.floor(at)) * (high - low);
}
