/** Sharpness of the kernel, as in PyTorch. */
const A = -0.75;

/** The kernel of Keys ("Cubic convolution interpolation", IEEE TASSP 1981) at a distance. */
function kernel(distance: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  return x < 2 ? ((A * x - 5 * A) * x + 8 * A) * x - 4 * A : 0;
}

/**
 * Resizes a square map as PyTorch's `interpolate(mode="bicubic", align_corners=False)`: half-pixel
 * centres, clamped edges, no antialiasing.
 *
 * @param map Row-major `[from, from]`.
 * @param from Side of the map.
 * @param to Side of the result.
 */
export function resizeBicubic(map: ArrayLike<number>, from: number, to: number): Float32Array {
  if (from === to) return Float32Array.from(map);
  const taps = Array.from({ length: to }, (_, i) => {
    const point = (i + 0.5) * from / to - 0.5;
    const base = Math.floor(point);
    return [-1, 0, 1, 2].map((offset) => ({
      at: Math.min(Math.max(base + offset, 0), from - 1),
      weight: kernel(point - base - offset),
    }));
  });
  const wide = new Float64Array(from * to);
  for (let y = 0; y < from; y++) {
    taps.forEach((columns, x) => {
      for (const { at, weight } of columns) wide[y * to + x]! += weight * map[y * from + at]!;
    });
  }
  const result = new Float64Array(to * to);
  taps.forEach((rows, y) => {
    for (const { at, weight } of rows) {
      for (let x = 0; x < to; x++) result[y * to + x]! += weight * wide[at * to + x]!;
    }
  });
  return Float32Array.from(result);
}
