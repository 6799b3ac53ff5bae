/**
 * Relative positions of OFA's attention, as rows of its tables.
 *
 * @module
 */

/** Most tokens that the buckets tell apart (`DEFAULT_MAX_SOURCE_POSITIONS`, OFA). */
export const MAX_TEXT = 1024;

/**
 * Row of a token table for a distance between two tokens (`make_token_bucket_position`, OFA). Near
 * distances have a row each, far distances share rows on a logarithmic scale.
 *
 * @param distance Position of the query less position of the key.
 * @param bucket Half of the table's rows, rounded up.
 */
export function tokenBucket(distance: number, bucket: number): number {
  const middle = Math.floor(bucket / 2);
  const far = Math.abs(distance);
  if (far <= middle) return distance + bucket - 1;
  // The released code takes this logarithm in float32.
  const share = Math.fround(
    Math.fround(Math.log(Math.fround(far / middle))) / Math.log((MAX_TEXT - 1) / middle),
  );
  const row = Math.ceil(Math.fround(share * (middle - 1))) + middle;
  return Math.sign(distance) * row + bucket - 1;
}

/** Ids of the positions of image cells: each row of cells begins a row of the position's square. */
export function cellIds(grid: number, bucket: number): number[] {
  return Array.from(
    { length: grid ** 2 },
    (_, cell) => Math.floor(cell / grid) * bucket + cell % grid + 1,
  );
}

/** Number of rows of an image table that distances can reach; three rows after them are unused. */
export function imageRows(bucket: number): number {
  return (2 * bucket - 1) ** 2;
}

/** Sizes that decide the rows of {@linkcode relativeRows}. */
export interface RelativeSizes {
  /** Cells along a side of the image. */
  readonly grid: number;
  /** Cells along a side of the square of positions. */
  readonly imageBucket: number;
  /** Half of the rows of a token table, rounded up. */
  readonly tokenBucket: number;
}

/**
 * Rows for all pairs of places in the encoder's sequence, image cells before text. The rows count
 * over an image table with its three unused rows, then a token table, then a row of zeros. An image
 * cell and a token have no relative position, and so the row of zeros.
 *
 * @param tokens Number of text tokens.
 * @returns Row-major `[cells + tokens, cells + tokens]`.
 */
export function relativeRows(
  { grid, imageBucket, tokenBucket: bucket }: RelativeSizes,
  tokens: number,
): BigInt64Array {
  const cells = grid ** 2;
  const length = cells + tokens;
  const firstToken = imageRows(imageBucket) + 3;
  const rows = new BigInt64Array(length ** 2).fill(BigInt(firstToken + 2 * bucket - 1));
  const across = 2 * imageBucket - 1;
  const middle = (imageBucket - 1) * (across + 1);
  // The low halves of 64-bit integers: a conversion of each number to bigint would take a second.
  const low = new Int32Array(rows.buffer);
  for (let query = 0; query < cells; query++) {
    const [row, column] = [Math.floor(query / grid), query % grid];
    for (let key = 0; key < cells; key++) {
      const down = row - Math.floor(key / grid);
      low[2 * (query * length + key)] = middle + down * across + column - key % grid;
    }
  }
  for (let query = 0; query < tokens; query++) {
    for (let key = 0; key < tokens; key++) {
      low[2 * ((cells + query) * length + cells + key)] = firstToken +
        tokenBucket(query - key, bucket);
    }
  }
  return rows;
}
