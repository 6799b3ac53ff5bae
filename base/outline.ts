import { maskOf, type Region, runsOf } from "./region.ts";

/** A closed line as `x0, y0, x1, y1, …`; the last corner joins the first. */
export type Ring = readonly number[];

/** Limits of {@linkcode outlineOf}. */
export interface OutlineOptions {
  /** Largest distance between the outline and the region's edge, in pixels of the image. */
  readonly tolerance: number;
  /** Most corners of all rings; a region of more corners gets a coarser outline. */
  readonly most: number;
}

/** Steps along a pixel's edges, clockwise from the right. */
const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]] as const;

/**
 * Outlines a region by closed lines along the edges of its pixels: clockwise around the region,
 * against the clock around its holes. The outline of a rectangle has its four corners.
 *
 * @returns Rings in pixels of the image, where 0 is the left or top edge of the image.
 */
export function outlineOf(region: Region, { tolerance, most }: OutlineOptions): Ring[] {
  const whole = traceRings(region);
  const count = (rings: readonly Ring[]) => rings.reduce((sum, { length }) => sum + length / 2, 0);
  let rings = whole.map((ring) => simplify(ring, tolerance));
  // Too many corners come from scattered pixels too, and no tolerance joins these.
  for (let coarse = 2 * tolerance; count(rings) > most; coarse *= 2) {
    rings = whole.filter((ring) => extent(ring) > coarse).map((ring) => simplify(ring, coarse));
  }
  return rings;
}

/** Traces all edges between the region and the rest, as rings of their corners. */
function traceRings(region: Region): Ring[] {
  const { width, height } = region;
  const mask = maskOf(region);
  const isInside = (x: number, y: number) =>
    x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x]! > 0;
  // A ring passes an edge at the top of a pixel from left to right, and only once.
  const isTraced = new Uint8Array(width * height);
  const rings: Ring[] = [];
  for (const [left, y, length] of runsOf(region)) {
    for (let x = left; x < left + length; x++) {
      if (isTraced[y * width + x] || isInside(x, y - 1)) continue;
      rings.push(traceRing(x, y));
    }
  }
  return rings;

  /** Follows the edge from the top left corner of a pixel, with the region on the right. */
  function traceRing(left: number, top: number): Ring {
    const ring: number[] = [];
    let [x, y, heading] = [left, top, 0];
    do {
      if (heading === 0) isTraced[y * width + x] = 1;
      const [stepX, stepY] = STEPS[heading]!;
      [x, y] = [x + stepX, y + stepY];
      // The two pixels ahead, right and left of the line.
      const [aheadRight, aheadLeft] = heading === 0
        ? [isInside(x, y), isInside(x, y - 1)]
        : heading === 1
        ? [isInside(x - 1, y), isInside(x, y)]
        : heading === 2
        ? [isInside(x - 1, y - 1), isInside(x - 1, y)]
        : [isInside(x, y - 1), isInside(x - 1, y - 1)];
      const turn = !aheadRight ? 1 : aheadLeft ? 3 : 0;
      if (turn === 0) continue;
      ring.push(x, y);
      heading = (heading + turn) % 4;
    } while (x !== left || y !== top || heading !== 0);
    // The last corner is the start; put it first.
    return [...ring.slice(-2), ...ring.slice(0, -2)];
  }
}

/** Longer side of the box around a ring. */
function extent(ring: Ring): number {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < ring.length; i += 2) {
    [left, right] = [Math.min(left, ring[i]!), Math.max(right, ring[i]!)];
    [top, bottom] = [Math.min(top, ring[i + 1]!), Math.max(bottom, ring[i + 1]!)];
  }
  return Math.max(right - left, bottom - top);
}

/**
 * Leaves out corners of a ring. Each corner stays within the tolerance of the new line (Douglas and
 * Peucker, 1973).
 */
function simplify(ring: Ring, tolerance: number): Ring {
  const count = ring.length / 2;
  const at = (i: number) => [ring[2 * (i % count)]!, ring[2 * (i % count) + 1]!] as const;
  // A ring has no ends: begin with the first corner and the corner farthest from it.
  const [x0, y0] = at(0);
  let [middle, longest] = [0, 0];
  for (let i = 1; i < count; i++) {
    const distance = Math.hypot(at(i)[0] - x0, at(i)[1] - y0);
    if (distance > longest) [middle, longest] = [i, distance];
  }
  const stays = new Uint8Array(count);
  stays[0] = stays[middle] = 1;
  const stack: [number, number][] = [[0, middle], [middle, count]];
  for (let span = stack.pop(); span; span = stack.pop()) {
    const [from, to] = span;
    let [farthest, most] = [from, tolerance];
    for (let i = from + 1; i < to; i++) {
      const distance = distanceTo(at(i), at(from), at(to));
      if (distance > most) [farthest, most] = [i, distance];
    }
    if (farthest === from) continue;
    stays[farthest] = 1;
    stack.push([from, farthest], [farthest, to]);
  }
  return ring.filter((_, i) => stays[i >> 1] === 1);
}

type Point = readonly [x: number, y: number];

/** Distance of a point from the stretch between two others. */
function distanceTo([x, y]: Point, [x1, y1]: Point, [x2, y2]: Point): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const squared = dx * dx + dy * dy;
  const along = squared === 0 ? 0 : ((x - x1) * dx + (y - y1) * dy) / squared;
  const share = Math.max(0, Math.min(1, along));
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
}
