import { stringify } from "@std/csv";
import { type Box, toOriginal } from "../base/geometry.ts";
import type { BoxedPhrase, GroundedPhrase } from "../pipeline/method.ts";
import { existenceOf } from "../scoring/protocols.ts";
import { maskBoxes } from "../scoring/protocols/map_boxes.ts";

/** Boxes and existence score of a phrase. */
export interface Detected {
  /** Score that the phrase applies: of the map before it was scaled, or of the scores of boxes. */
  readonly existence: { readonly mean: number; readonly peak: number };
  /** Boxes in pixels of the X-ray: around each component of the mask, or as the method gives them. */
  readonly boxes: readonly Box[];
  /** Mean heat of each component, 0..1, or the method's score; absent if a method states none. */
  readonly confidence?: readonly number[];
}

/** Finds boxes and existence score of a phrase, as the protocols `ap` and `existence` do. */
export function detect(result: GroundedPhrase | BoxedPhrase): Detected {
  if ("predicted" in result) {
    const { predicted: boxes, confidence } = result;
    const scores = Float32Array.from(boxes, (_, i) => confidence?.[i] ?? 1);
    const { mean, peak } = existenceOf(scores.length > 0 ? scores : new Float32Array(1));
    return { existence: { mean, peak }, boxes, ...(confidence && { confidence }) };
  }
  const { heatmap, smoothed, range, size, threshold, image: { crop } } = result;
  const { mean, peak } = existenceOf(smoothed, range);
  const place = (box: Box) => toOriginal(box, size, crop);
  const found = maskBoxes(heatmap, size, threshold !== undefined, place);
  return {
    existence: { mean, peak },
    boxes: found.map(({ box }) => box),
    confidence: found.map(({ score }) => score),
  };
}

/** Answer to a question; the reason why there is none if it failed. */
export interface Answer {
  readonly phrase: string;
  /** Class, if the question is about a class. */
  readonly label?: string;
  readonly error?: string;
  readonly detected?: Detected;
  /** The X-ray with the answer over it: a PNG file for a sheet, a JPEG file for a page. */
  readonly picture?: Uint8Array;
  /** Facts of the answer in its `result.json`. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** Sorts answers by the mean of their maps, highest first; failed questions come last. */
export function byExistence<A extends Answer>(answers: readonly A[]): A[] {
  const score = ({ detected }: A) => detected?.existence.mean ?? -Infinity;
  return answers.toSorted((one, other) => score(other) - score(one));
}

/** Formats answers about classes as CSV: a row for each box, or one row for a class without a box. */
export function formatDetections(answers: readonly Answer[]): string {
  const rows = answers.flatMap(({ label, phrase, detected, error }) => {
    const { existence, boxes = [], confidence } = detected ?? {};
    const common = { class: label, phrase, ...existence, error };
    if (boxes.length === 0) return [common];
    return boxes.map(([x, y, w, h], i) => ({
      ...common,
      ...{ x, y, w, h, confidence: confidence?.[i] },
    }));
  });
  const columns = ["class", "phrase", "mean", "peak", "x", "y", "w", "h", "confidence", "error"];
  return stringify(rows, { columns });
}
