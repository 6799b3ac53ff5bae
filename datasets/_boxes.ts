import type { Box } from "./sample.ts";

/** Pixels of a box. */
export function area([, , width, height]: Box): number {
  return width * height;
}

/** What two boxes share; of no area where that is nothing. */
export function intersect(a: Box, b: Box): Box {
  const [x, y] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  const right = Math.min(a[0] + a[2], b[0] + b[2]);
  const bottom = Math.min(a[1] + a[3], b[1] + b[3]);
  return [x, y, Math.max(right - x, 0), Math.max(bottom - y, 0)];
}

/** Pixels in any of some boxes. */
export function coveredArea(boxes: readonly Box[]): number {
  const edges = [...new Set(boxes.flatMap(([x, , width]) => [x, x + width]))]
    .sort((a, b) => a - b);
  let covered = 0;
  for (const [i, left] of edges.slice(0, -1).entries()) {
    const spans = boxes.filter(([x, , width]) => x <= left && x + width > left)
      .map(([, y, , height]) => [y, y + height] as const)
      .sort(([a], [b]) => a - b);
    let [length, end] = [0, 0];
    for (const [top, bottom] of spans) {
      length += Math.max(bottom - Math.max(top, end), 0);
      end = Math.max(end, bottom);
    }
    covered += length * (edges[i + 1]! - left);
  }
  return covered;
}
