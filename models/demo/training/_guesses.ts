import { CLASSES } from "../../../datasets/sample.ts";
import type { Box } from "../../../base/geometry.ts";
import { normalize01 } from "../../../shaders/aggregate_cpu.ts";
import { readFindings } from "./_findings.ts";

/** A heatmap that does not depend on the image. */
export interface Guess {
  /** Name of the guess in tables. */
  readonly name: string;
  /** Returns 128 x 128 values from 0 to 1 for a phrase's class. */
  readonly map: (category: string) => Float32Array;
}

const SIZE = 128;

/** Side of the centre box, which covers a quarter of the image. */
const CENTER = SIZE / 2;

/** Returns guesses of increasing knowledge. The last two are means of a training set's boxes. */
export async function readGuesses(folder: string): Promise<Guess[]> {
  const sums = new Map<string, Float32Array>(
    ["", ...CLASSES].map((category) => [category, new Float32Array(SIZE * SIZE)]),
  );
  for await (const { category, boxes } of readFindings(folder)) {
    const mask = boxMask(boxes);
    for (const sum of [sums.get("")!, sums.get(category)!]) {
      for (let i = 0; i < mask.length; i++) sum[i]! += mask[i]!;
    }
  }
  const maps = new Map([...sums].map(([category, sum]) => [category, normalize01(sum)]));
  const whole = new Float32Array(SIZE * SIZE).fill(1);
  const offset = (SIZE - CENTER) / 2;
  const center = boxMask([[offset, offset, CENTER, CENTER]]);
  return [
    { name: "whole image", map: () => whole },
    { name: "centre box", map: () => center },
    { name: "mean box of all classes", map: () => maps.get("")! },
    { name: "mean box of the phrase's class", map: (category) => maps.get(category)! },
  ];
}

/** Returns 128 x 128 values: 1 inside the boxes, 0 outside. */
function boxMask(boxes: readonly Box[]): Float32Array {
  const mask = new Float32Array(SIZE * SIZE);
  for (const [x, y, w, h] of boxes) {
    for (let row = Math.max(0, y); row < Math.min(SIZE, y + h); row++) {
      mask.fill(1, row * SIZE + Math.max(0, x), row * SIZE + Math.max(0, Math.min(SIZE, x + w)));
    }
  }
  return mask;
}
