/// <reference lib="dom" />
import type { Box } from "../../base/geometry.ts";
import { drawPhantom, type Phantom } from "../../datasets/phantom/phantom.ts";
import { paintGray } from "../viewer/paint.ts";
import { type Attended, smooth } from "../viewer/shown.ts";

/** An example: a phantom drawn on this machine, with its phrases. */
export interface Example {
  /** Name of the X-ray. */
  readonly name: string;
  /** Name with the findings. */
  readonly title: string;
  readonly phrases: readonly string[];
  /** True boxes of each phrase, in pixels of the phantom. */
  readonly boxes: readonly (readonly Box[])[];
  readonly bytes: () => Promise<ArrayBuffer>;
}

/** Seeds of the examples, and whether the bundled model errs in a phrase: only in the last. */
const SEEDS = [[7, false], [10, false], [11, false], [9, true]] as const;

/** Standard deviation of the verdict's Gaussian in heatmap pixels, as in a run. */
const SIGMA = 2.5;

/** Draws the examples. */
export function drawExamples(): Example[] {
  return SEEDS.map(([seed, errs], i) => {
    const phantom = drawPhantom({ seed });
    const { findings } = phantom;
    const name = `Phantom ${i + 1}`;
    return {
      name,
      title: `${name}: ${findings.map(({ category }) => category).join(", ")}` +
        (errs ? " (the model errs)" : ""),
      phrases: findings.map(({ phrase }) => phrase),
      boxes: findings.map(({ boxes }) => boxes),
      bytes: () => toPng(phantom),
    };
  });
}

/** Says whether the hottest place of an example's heatmap is in a true box. */
export function verdictOn(shown: Attended): string {
  const { normalised, size } = smooth(shown, SIGMA);
  const hottest = normalised.reduce((best, value, i) => value > normalised[best]! ? i : best, 0);
  const { x, y, side, height = side } = shown.crop;
  const left = x + (hottest % size + 0.5) / size * side;
  const top = y + (Math.floor(hottest / size) + 0.5) / size * height;
  const isIn = shown.boxes.some(([x, y, width, height]) =>
    left >= x && left < x + width && top >= y && top < y + height
  );
  return isIn
    ? "right: the hottest place is in the true box, in green"
    : "wrong: the hottest place is outside the true box, in green";
}

async function toPng(phantom: Phantom): Promise<ArrayBuffer> {
  const { width, height } = phantom;
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new ImageData(paintGray(phantom, 0, 255), width, height);
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  return await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer();
}
