/**
 * Structural similarity of two maps of 8 bits.
 *
 * @module
 */

/** Side of the window, scikit-image's default. */
const WINDOW = 7;

/** Constants of the measure, for values of 0..255. */
const [C1, C2] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2];

/**
 * Structural similarity (Wang et al., "Image quality assessment", IEEE TIP 2004) as scikit-image's
 * `structural_similarity` computes it: a uniform window, sample covariances, and the mean over all
 * windows that lie inside the maps.
 *
 * @param one Row-major square map, 0..255.
 * @param other Map of the same size.
 * @param side Side of the maps, at least 7.
 * @returns -1..1.
 */
export function structuralSimilarity(one: Uint8Array, other: Uint8Array, side: number): number {
  const pixels = WINDOW ** 2;
  const places = side - WINDOW + 1;
  let total = 0;
  for (let top = 0; top < places; top++) {
    for (let left = 0; left < places; left++) {
      let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
      for (let row = top; row < top + WINDOW; row++) {
        for (let column = left; column < left + WINDOW; column++) {
          const [a, b] = [one[row * side + column]!, other[row * side + column]!];
          x += a;
          y += b;
          xx += a * a;
          yy += b * b;
          xy += a * b;
        }
      }
      const [meanX, meanY] = [x / pixels, y / pixels];
      const spread = (sum: number, product: number) => (sum - pixels * product) / (pixels - 1);
      const variances = spread(xx, meanX * meanX) + spread(yy, meanY * meanY);
      const covariance = spread(xy, meanX * meanY);
      total += (2 * meanX * meanY + C1) * (2 * covariance + C2) /
        ((meanX * meanX + meanY * meanY + C1) * (variances + C2));
    }
  }
  return total / places ** 2;
}
