import type { Box } from "../../base/geometry.ts";
import type { DatasetItem } from "../sample.ts";
import type { Prediction, Predictions } from "./read_predictions.ts";
import { SampleFinder } from "./sample_finder.ts";

/** Predicted boxes of a sample. */
export interface MatchedBoxes {
  /** The boxes; an empty list is the prediction that there is no box. */
  readonly boxes: readonly Box[];
  /** Confidence of each box; absent if a box has none. */
  readonly confidence?: readonly number[];
  /** Facts worth knowing, such as boxes without a score beside boxes with scores. */
  readonly notes?: readonly string[];
}

/** Predictions by sample. */
export interface MatchedPredictions {
  /** Predicted boxes by sample id. */
  readonly boxes: ReadonlyMap<string, MatchedBoxes>;
  /** Reasons why predictions cannot be read, by sample id. */
  readonly faults: ReadonlyMap<string, string>;
  /** Number of samples in `items`. */
  readonly samples: number;
  /** Pairs of image and phrase in the file that match no sample. */
  readonly unmatched: readonly Pick<Prediction, "image" | "phrase" | "fault">[];
}

/**
 * Finds the samples of each prediction, by the rules of {@linkcode SampleFinder.find}.
 *
 * @param items All items of the dataset; with fewer items, ambiguous names could go unnoticed.
 * @param root Folder that contains the images.
 * @throws {RangeError} If a name matches several images.
 */
export async function matchPredictions(
  { path, entries }: Predictions,
  items: AsyncIterable<DatasetItem>,
  root: string,
): Promise<MatchedPredictions> {
  const finder = await SampleFinder.of(path, items, root);
  const found = new Map<string, Prediction[]>();
  const faults = new Map<string, string>();
  const unmatched = new Map<string, MatchedPredictions["unmatched"][number]>();
  for (const entry of entries) {
    const { image, phrase, fault } = entry;
    const ids = finder.find(image, phrase);
    if (ids.length === 0) {
      const unknown = { image, phrase, ...(fault && { fault }) };
      unmatched.set(JSON.stringify(unknown), unknown);
    }
    for (const id of ids) {
      // Without the box of an unreadable prediction, the score would differ silently.
      if (fault && !faults.has(id)) faults.set(id, fault);
      if (!found.has(id)) found.set(id, []);
      found.get(id)!.push(entry);
    }
  }
  const boxes = new Map([...found].map(([id, entries]) => [id, join(entries)]));
  return { boxes, faults, samples: finder.samples, unmatched: [...unmatched.values()] };
}

/** Joins the entries of a sample. A part of the confidences would order the boxes wrongly. */
function join(entries: readonly Prediction[]): MatchedBoxes {
  const boxes = entries.flatMap(({ boxes }) => boxes);
  const confidence = entries.flatMap(({ confidence = [] }) => confidence);
  if (confidence.length === 0) return { boxes };
  if (confidence.length === boxes.length) return { boxes, confidence };
  const missing = boxes.length - confidence.length;
  return {
    boxes,
    notes: [`${missing} of its ${boxes.length} boxes have no score, so that no score is kept`],
  };
}
