import type { Box, Size } from "../../base/geometry.ts";

/** Boxes to take from an answer: every box, or the first if the demo would draw it. */
export const BOX_CHOICES = ["all", "first"] as const;

/** A choice of {@linkcode BOX_CHOICES}. */
export type BoxChoice = typeof BOX_CHOICES[number];

/** Coordinates of an answer's tokens. */
export interface Coordinates {
  /** Id of the first coordinate. */
  readonly firstBin: number;
  /** Number of coordinates along a side, the last tokens of the vocabulary. */
  readonly bins: number;
}

/**
 * Reads the boxes of an answer. Four coordinates in a row are a box: two opposite corners, in any
 * order. Other tokens do not count.
 *
 * With `all`, up to three coordinates at the end are left over. With `first`, an answer with
 * coordinates left over has no box, as in `bin2coord` of the demo.
 *
 * @param image Size of the image, which the coordinates divide.
 * @returns Boxes in pixels of the image; empty if the answer has none.
 */
export function boxesOf(
  tokens: readonly number[],
  { firstBin, bins }: Coordinates,
  { width, height }: Size,
  choice: BoxChoice,
): Box[] {
  const shares = tokens.filter((token) => token >= firstBin && token < firstBin + bins)
    .map((token) => (token - firstBin) / (bins - 1));
  if (choice === "first" && shares.length % 4 !== 0) return [];
  const boxes = Array.from({ length: Math.floor(shares.length / 4) }, (_, i): Box => {
    const [x0, y0, x1, y1] = shares.slice(4 * i, 4 * i + 4) as [number, number, number, number];
    return [
      Math.min(x0, x1) * width,
      Math.min(y0, y1) * height,
      Math.abs(x1 - x0) * width,
      Math.abs(y1 - y0) * height,
    ];
  });
  return choice === "first" ? boxes.slice(0, 1) : boxes;
}
