/**
 * Memory over many heatmaps.
 *
 * @module
 */

/** What was seen after a number of heatmaps. */
export interface MemorySample {
  readonly heatmaps: number;
  /** Bytes of the process that are in memory. */
  readonly process: number;
  /** Live GPU buffers. */
  readonly buffers: number;
  /** Their bytes. */
  readonly bufferBytes: number;
}

/** The slope of the straight line nearest to some points, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - meanX, y - meanY), 0);
  return sum((x, y) => x * y) / sum((x) => x * x);
}
