/**
 * Gaussian smoothing in plain TypeScript: the twin of the `gaussian` shader.
 *
 * @module
 */

/** Largest sigma that is allowed, in pixels. */
export const MAX_SIGMA = 32;

/** Distance at which the kernel ends, in sigmas: SciPy's default, see docs/method.md, step 9. */
const TRUNCATE = 4;

/**
 * One half of the normalised Gaussian kernel: the centre's weight first, then
 * the weights at distance 1, 2, ... up to `floor(4 * sigma + 0.5)` pixels.
 *
 * @param sigma Standard deviation in pixels, 0..32; 0 gives the single weight 1.
 * @throws {RangeError} If `sigma` is outside 0..32.
 */
export function gaussianHalfKernel(sigma: number): Float64Array {
  if (!(sigma >= 0 && sigma <= MAX_SIGMA)) {
    throw new RangeError(
      `Cannot smooth: expected sigma in 0..${MAX_SIGMA} pixels, got ${sigma}`,
    );
  }
  const radius = Math.floor(TRUNCATE * sigma + 0.5);
  const half = new Float64Array(radius + 1);
  half[0] = 1;
  let total = 1;
  for (let distance = 1; distance <= radius; distance++) {
    half[distance] = Math.exp((-0.5 / (sigma * sigma)) * distance * distance);
    total += 2 * half[distance]!;
  }
  return half.map((weight) => weight / total);
}

/**
 * Smooths a map with a separable Gaussian, as SciPy's `gaussian_filter` does. The kernel ends at 4
 * sigma. Borders are reflected (`d c b a | a b c d | d c b a`), repeatedly if the kernel needs more
 * pixels.
 *
 * @param map Row-major map, `[height, width]`.
 * @param width Pixels from left to right.
 * @param height Pixels from top to bottom.
 * @param sigma Standard deviation in pixels, 0..32; 0 copies the map.
 * @returns A new map of the same size.
 * @throws {RangeError} If the size does not fit the data or `sigma` is outside 0..32.
 */
export function gaussianBlur(
  map: Float32Array,
  width: number,
  height: number,
  sigma: number,
): Float32Array {
  const half = gaussianHalfKernel(sigma);
  if (
    !Number.isInteger(width) || !Number.isInteger(height) || width < 1 ||
    height < 1 || map.length !== width * height
  ) {
    throw new RangeError(
      `Cannot smooth a map: expected ${width} x ${height} values, got ${map.length}`,
    );
  }
  if (half.length === 1) return map.slice();
  // Follow SciPy, so that the results agree to the last bit: smooth from top to bottom first, keep
  // float32 in between, and add the outermost pair first.
  return blurRows(blurColumns(map, width, height, half), width, half);
}

/**
 * Smooths from top to bottom, a whole row at a time, so that memory is read in order. Two distances
 * at a time read and write each sum half as often.
 */
function blurColumns(
  map: Float32Array,
  width: number,
  height: number,
  half: Float64Array,
): Float32Array {
  const radius = half.length - 1;
  const rows = reflectedIndices(height, radius);
  const result = new Float32Array(map.length);
  const line = new Float64Array(width);
  const center = half[0]!;
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) line[x] = map[row + x]! * center;
    const start = (offset: number) => rows[radius + y + offset]! * width;
    let distance = radius;
    for (; distance > 1; distance -= 2) {
      const [weight, next] = [half[distance]!, half[distance - 1]!];
      const [above, below] = [start(-distance), start(distance)];
      const [nextAbove, nextBelow] = [start(1 - distance), start(distance - 1)];
      for (let x = 0; x < width; x++) {
        line[x] = line[x]! + (map[above + x]! + map[below + x]!) * weight +
          (map[nextAbove + x]! + map[nextBelow + x]!) * next;
      }
    }
    for (; distance > 0; distance--) {
      const [weight, above, below] = [half[distance]!, start(-distance), start(distance)];
      for (let x = 0; x < width; x++) line[x]! += (map[above + x]! + map[below + x]!) * weight;
    }
    result.set(line, row);
  }
  return result;
}

/** Smooths from left to right. */
function blurRows(
  map: Float32Array,
  width: number,
  half: Float64Array,
): Float32Array {
  const radius = half.length - 1;
  const columns = reflectedIndices(width, radius);
  const result = new Float32Array(map.length);
  const padded = new Float64Array(columns.length);
  const line = new Float64Array(width);
  const center = half[0]!;
  for (let row = 0; row < map.length; row += width) {
    for (let index = 0; index < padded.length; index++) {
      padded[index] = map[row + columns[index]!]!;
    }
    for (let x = 0; x < width; x++) line[x] = padded[radius + x]! * center;
    let distance = radius;
    for (; distance > 1; distance -= 2) {
      const [weight, next] = [half[distance]!, half[distance - 1]!];
      const [left, right] = [radius - distance, radius + distance];
      for (let x = 0; x < width; x++) {
        line[x] = line[x]! + (padded[left + x]! + padded[right + x]!) * weight +
          (padded[left + 1 + x]! + padded[right - 1 + x]!) * next;
      }
    }
    for (; distance > 0; distance--) {
      const [weight, left, right] = [half[distance]!, radius - distance, radius + distance];
      for (let x = 0; x < width; x++) line[x]! += (padded[left + x]! + padded[right + x]!) * weight;
    }
    result.set(line, row);
  }
  return result;
}

/** Pixels at positions `-radius` to `length + radius - 1` of an axis with mirrored ends. */
function reflectedIndices(length: number, radius: number): Int32Array {
  const period = 2 * length;
  return Int32Array.from({ length: length + 2 * radius }, (_, index) => {
    const offset = (((index - radius) % period) + period) % period;
    return offset < length ? offset : period - 1 - offset;
  });
}
